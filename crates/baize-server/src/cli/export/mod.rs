//! `baize export`: data sets from what was gathered.

mod dataset;
mod readme;
mod record;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use baize_core::Timestamp;
use baize_core::ports::{ArchiveLevel, ArchiveQuery, InstanceRecord, RecordedReview};
use baize_store::{LedgerReader, read_object};
use clap::{Args, Subcommand};
use time::Date;
use time::macros::format_description;

use super::deidentify::{ProfileFlags, clean};
use super::{ConfigurationFlags, say, sound};
use crate::config::Config;
use crate::wiring;

use dataset::DataSet;

/// Exit status when some object was held back or could not be read, and all others are there.
const EXIT_SOME_HELD: u8 = 3;

/// `baize export`
#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Images that a physician has reviewed, de-identified, with findings and reviews. The server may be running: nothing
    /// of it is changed, and what is reviewed meanwhile may be in or not.
    Reviewed(Reviewed),
}

#[derive(Debug, Args)]
struct Reviewed {
    /// The folder for the data set; it must be empty or missing.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only images of studies with a review on or after this day (UTC), such as 2026-03-01.
    #[arg(long, value_name = "DATE", value_parser = day)]
    since: Option<Timestamp>,
    /// Only results of this model, whatever its version.
    #[arg(long, value_name = "ID")]
    model: Option<String>,
    #[command(flatten)]
    profile: ProfileFlags,
    #[command(flatten)]
    configuration: ConfigurationFlags,
}

fn day(text: &str) -> Result<Timestamp, String> {
    let date =
        Date::parse(text, format_description!("[year]-[month]-[day]")).map_err(|error| error.to_string())?;
    let seconds =
        u64::try_from(date.midnight().assume_utc().unix_timestamp()).map_err(|_| "is before 1970")?;
    Ok(Timestamp::from_micros(seconds * 1_000_000))
}

impl Export {
    /// Writes the data set and prints how much is in it.
    ///
    /// # Errors
    /// No ledger, a key that is missing, a folder that is not empty or cannot be written.
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let What::Reviewed(reviewed) = self.what;
        let config = sound(reviewed.configuration.load()?)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(reviewed.run(&config))
    }
}

impl Reviewed {
    async fn run(self, config: &Config) -> anyhow::Result<ExitCode> {
        let key = self.profile.key()?;
        let data = &config.storage.data_dir;
        let ledger = LedgerReader::open(&data.join("baize.db")).context("storage.data_dir")?;
        std::fs::create_dir_all(&self.out)
            .with_context(|| format!("cannot create {}", self.out.display()))?;
        let is_empty = std::fs::read_dir(&self.out)?.next().is_none();
        ensure!(is_empty, "--out: {} is not empty; choose a new folder", self.out.display());
        let most_bytes = config.limits.max_object_mib * wiring::MIB;
        let mut data_set = DataSet::new(&self.out, &key, &self.profile);
        for study in ledger.reviewed_studies(self.since).await? {
            let reviews = ledger.reviews(&study).await?;
            for record in ledger.instances(&study).await? {
                let reviews = self.of_image(&record, &reviews);
                if reviews.is_empty() {
                    continue;
                }
                let query = ArchiveQuery {
                    studies: vec![study.clone()],
                    sops: vec![record.identity.sop.clone()],
                    ..ArchiveQuery::everything(ArchiveLevel::Instance, 1)
                };
                let rows = ledger.find(query).await?;
                let row = rows.first().context("the ledger has lost an image")?;
                let cleaned = read_object(data, &row.spool_key)
                    .and_then(|object| clean(&object, &key, &self.profile.options(), most_bytes));
                match cleaned {
                    // The UID is the hospital's own; whoever runs this may know it, and needs it to look.
                    Err(fault) => {
                        say(&format!("{}: failed, {fault}", record.identity.sop));
                        data_set.failed += 1;
                    }
                    Ok(cleaned) if self.profile.holds(&cleaned) => {
                        say(&format!("{}: held back, {}", record.identity.sop, cleaned.reasons()));
                        data_set.held += 1;
                    }
                    Ok(cleaned) => data_set.add(&record, &cleaned, &reviews)?,
                }
            }
        }
        let (held, failed) = (data_set.held, data_set.failed);
        say(&data_set.finish()?);
        Ok(ExitCode::from(if held + failed == 0 { 0 } else { EXIT_SOME_HELD }))
    }

    fn of_image<'r>(
        &self,
        record: &InstanceRecord,
        reviews: &'r [RecordedReview],
    ) -> Vec<&'r RecordedReview> {
        let is_wanted = |recorded: &&RecordedReview| {
            let review = &recorded.review;
            review.sop == record.identity.sop
                && self.model.as_ref().is_none_or(|model| *model == review.model.id)
        };
        reviews.iter().filter(is_wanted).collect()
    }
}
