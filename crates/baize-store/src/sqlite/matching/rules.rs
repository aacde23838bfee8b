//! How orders and studies find each other, as configured.

use std::time::Duration;

use baize_core::Lane;
use baize_core::ports::MatchingRules;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::super::convert::span_micros;
use super::super::trouble::Trouble;

/// As they are read from the ledger; spans in microseconds.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Rules {
    pub(in super::super) window: i64,
    pub(in super::super) utc_offset_seconds: i64,
    due: [i64; 3],
}

impl Rules {
    /// Within which time of its arrival an image of a lane is due.
    pub(super) fn due(&self, lane: Lane) -> Duration {
        let micros = match lane {
            Lane::Routine => self.due[0],
            Lane::Urgent => self.due[1],
            Lane::Stat => self.due[2],
        };
        Duration::from_micros(micros.unsigned_abs())
    }
}

pub(in super::super) fn set(db: &Connection, rules: Option<MatchingRules>) -> Result<(), Trouble> {
    db.execute("DELETE FROM matching_rules", [])?;
    let Some(rules) = rules else { return Ok(()) };
    let [routine, urgent, stat] = rules.due.map(span_micros);
    db.execute(
        "INSERT INTO matching_rules (id, window, utc_offset, due_routine, due_urgent, due_stat)
         VALUES (1, ?1, ?2, ?3, ?4, ?5)",
        params![span_micros(rules.window), rules.utc_offset_seconds, routine, urgent, stat],
    )?;
    Ok(())
}

/// `None`: no HIS is connected.
pub(in super::super) fn read(db: &Connection) -> Result<Option<Rules>, Trouble> {
    let rules = db
        .prepare_cached("SELECT window, utc_offset, due_routine, due_urgent, due_stat FROM matching_rules")?
        .query_row([], |row| {
            Ok(Rules {
                window: row.get(0)?,
                utc_offset_seconds: row.get(1)?,
                due: [row.get(2)?, row.get(3)?, row.get(4)?],
            })
        })
        .optional()?;
    Ok(rules)
}
