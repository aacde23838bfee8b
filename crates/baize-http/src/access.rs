//! Who may do what: the one table.

use std::fmt;
use std::str::FromStr;

/// What a caller is to the hospital.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Triage nurse: has patients assessed, sees the work list, searches the archive (no pixels), sees the findings and what comes in.
    Nurse,
    /// Radiologist: reads findings, pictures and triage, reviews and signs results, may have an image read.
    Radiologist,
    /// A system (PACS, HIS, workflow engine): stores, has images read and patients assessed, reads everything.
    Integrator,
    /// Administrator: everything.
    Admin,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Nurse, Self::Radiologist, Self::Integrator, Self::Admin];

    /// The stable lower-case name, used in configuration and in the `roles` claim of a token.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nurse => "nurse",
            Self::Radiologist => "radiologist",
            Self::Integrator => "integrator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    /// Reads the stable name. The error names the roles.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == name)
            .ok_or_else(|| format!("'{name}' is not a role: use nurse, radiologist, integrator or admin"))
    }
}

/// Routes that the same people may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// Liveness, readiness, version: for load balancers and supervisors, without credentials.
    Open,
    /// The description of the interface.
    Docs,
    /// Storing objects.
    Store,
    /// Having one image read at once.
    Infer,
    /// Searching the archive.
    Search,
    /// Objects of the archive with their pixels.
    Retrieve,
    /// The work list.
    Studies,
    /// What the models found.
    Findings,
    /// Annotated pictures.
    Pictures,
    /// The live event stream.
    Events,
    /// Triage at the desk: assessing, measuring again, deciding.
    Triage,
    /// Triage as it was recorded.
    TriageRecord,
    /// Encounters, orders, and what could not be matched.
    Hospital,
    /// A person's word on which order a study answers.
    Reconcile,
    /// A physician's word on a result.
    Review,
    /// What goes out to other systems.
    Outbox,
    /// Results as FHIR resources. Scopes of a token may stand in the place of a role.
    Fhir,
    /// Who wants to be notified of results. Scopes of a token may stand in the place of a role.
    Subscriptions,
}

impl Group {
    /// The roles that may call the group's routes; `None` where no credentials are needed.
    pub(crate) const fn roles(self) -> Option<&'static [Role]> {
        use Role::{Admin, Integrator, Nurse, Radiologist};
        match self {
            Self::Open => None,
            Self::Docs => Some(&Role::ALL),
            Self::Store | Self::Outbox | Self::Subscriptions => Some(&[Integrator, Admin]),
            Self::Infer => Some(&[Integrator, Radiologist, Admin]),
            Self::Search
            | Self::Studies
            | Self::Findings
            | Self::Events
            | Self::TriageRecord
            | Self::Hospital
            | Self::Fhir => Some(&[Nurse, Radiologist, Integrator, Admin]),
            Self::Retrieve | Self::Pictures => Some(&[Radiologist, Integrator, Admin]),
            Self::Triage => Some(&[Nurse, Integrator, Admin]),
            // Whoever signs must be a physician; a system that forwards a review does so with the physician's token.
            Self::Review | Self::Reconcile => Some(&[Radiologist, Admin]),
        }
    }

    /// Whether the client's in-flight quota counts the group. Event streams have a limit of their own and
    /// would otherwise use the quota up by being open.
    pub(crate) const fn counts_in_flight(self) -> bool {
        !matches!(self, Self::Open | Self::Events)
    }
}
