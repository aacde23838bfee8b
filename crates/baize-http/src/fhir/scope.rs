//! SMART Backend Services scopes (<http://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html>): what a token may
//! do on the FHIR side, in the writing of version 1 (`system/Observation.read`) and of version 2 (`system/Observation.rs`).

use baize_core::ErrorCode;
use baize_fhir::Kind;

use crate::access::Role;
use crate::auth::Principal;
use crate::problem::Problem;

/// What is done with resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Create,
    Read,
    Update,
    Delete,
    Search,
}

impl Action {
    /// Its letter in a scope of version 2.
    const fn letter(self) -> char {
        match self {
            Self::Create => 'c',
            Self::Read => 'r',
            Self::Update => 'u',
            Self::Delete => 'd',
            Self::Search => 's',
        }
    }
}

/// One scope of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    /// `None`: any type.
    kind: Option<Kind>,
    /// Letters of version 2.
    rights: String,
}

impl Scope {
    /// Reads one scope; `None` for those of users and patients, and for those that grant nothing here. A scope that is
    /// narrowed by a query grants nothing: more would be shown than it means.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (name, rights) = text.strip_prefix("system/")?.split_once('.')?;
        let kind = match name {
            "*" => None,
            name => Some(Kind::from_name(name)?),
        };
        let rights = match rights {
            "read" => "rs",
            "write" => "cud",
            "*" => "cruds",
            letters => {
                // In this order, each once.
                let mut order = "cruds".chars();
                let is_sound = letters.chars().all(|letter| order.any(|next| next == letter));
                is_sound.then_some(letters)?
            }
        };
        // Only subscriptions are written.
        let is_written = kind.is_none_or(|kind| kind == Kind::Subscription);
        let rights: String =
            rights.chars().filter(|letter| is_written || matches!(letter, 'r' | 's')).collect();
        (!rights.is_empty()).then_some(Self { kind, rights })
    }

    fn grants(&self, kind: Kind, action: Action) -> bool {
        self.rights.contains(action.letter()) && self.kind.is_none_or(|granted| granted == kind)
    }
}

/// Lets a caller do something with resources of a type. Scopes of a token decide alone; else the role does, and the audit
/// trail is for administrators.
///
/// # Errors
/// `Forbidden`.
pub(super) fn check(caller: &Principal, kind: Kind, action: Action) -> Result<(), Problem> {
    if !caller.scopes.is_empty() {
        return match caller.scopes.iter().any(|scope| scope.grants(kind, action)) {
            true => Ok(()),
            false => {
                let right = action.letter();
                Err(Problem::new(
                    ErrorCode::Forbidden,
                    format!("insufficient scope: this needs system/{kind}.{right}"),
                )
                .with_challenge("Bearer realm=\"baize\", error=\"insufficient_scope\""))
            }
        };
    }
    match kind == Kind::AuditEvent && !caller.has_one_of(&[Role::Admin]) {
        true => Err(Problem::new(
            ErrorCode::Forbidden,
            "This needs the role admin, or the scope system/AuditEvent.rs.",
        )),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_grant_what_they_name() {
        let (report, observation) = (Kind::DiagnosticReport, Kind::Observation);
        for (scope, kind, action, granted) in [
            ("system/DiagnosticReport.read", report, Action::Read, true),
            ("system/DiagnosticReport.read", report, Action::Search, true),
            ("system/DiagnosticReport.read", observation, Action::Read, false),
            ("system/*.read", observation, Action::Search, true),
            ("system/*.*", observation, Action::Search, true),
            ("system/Observation.rs", observation, Action::Search, true),
            ("system/Observation.r", observation, Action::Search, false),
            ("system/Observation.s", observation, Action::Read, false),
            ("system/*.cruds", report, Action::Read, true),
            ("system/Subscription.write", Kind::Subscription, Action::Create, true),
            ("system/Subscription.write", Kind::Subscription, Action::Read, false),
            ("system/Subscription.cruds", Kind::Subscription, Action::Delete, true),
            ("system/Subscription.read", Kind::Subscription, Action::Update, false),
            ("system/*.rs", Kind::Subscription, Action::Create, false),
            ("system/DiagnosticReport.cruds", report, Action::Create, false),
        ] {
            assert_eq!(Scope::parse(scope).unwrap().grants(kind, action), granted, "{scope}");
        }
    }

    #[test]
    fn what_grants_nothing_here_is_no_scope() {
        for text in [
            "",
            "openid",
            "user/Observation.read",
            "patient/*.rs",
            "system/Observation",
            "system/Patient.read",
            "system/Observation.write",
            "system/Observation.sr",
            "system/Observation.rr",
            "system/Observation.rx",
            "system/Observation.rs?category=laboratory",
            "system/.read",
            "system/observation.read",
        ] {
            assert_eq!(Scope::parse(text), None, "{text}");
        }
    }
}
