//! Rules as data: loaded and validated when the process starts, replaceable by a hospital file by file.

mod band;
mod chinese;
mod danger_zone;
mod department;
mod facts;
mod header;
mod missing;
mod news2;
mod paediatric;
mod policy;
mod ranges;
mod set;

pub use chinese::{ChineseLevels, LevelName};
pub use danger_zone::DangerZone;
pub use department::{Department, Departments};
pub use facts::{Effect, Facts, FiredRule, FiredValue};
pub use header::{Header, RuleError, Status};
pub use missing::{Missing, MissingRules};
pub use news2::{News2, News2Result};
pub use paediatric::Paediatric;
pub use policy::Policy;
pub use ranges::{Range, Ranges};
pub use set::RuleSet;
