//! Defaults, then the file, then the environment, then flags: the later layer wins, key by key.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use toml::{Table, Value};

use super::Config;

/// The prefix of environment variables that set a key: `BAIZE__HTTP__BIND` sets `http.bind`. Two
/// underscores part the levels, so that keys may hold one.
const ENVIRONMENT_PREFIX: &str = "BAIZE__";

/// Where the layers come from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    /// The TOML file.
    pub file: Option<PathBuf>,
    /// `KEY=VALUE` pairs of `--set`, in order.
    pub flags: Vec<String>,
    /// The process environment, as `std::env::vars` gives it.
    pub environment: Vec<(String, String)>,
}

/// Reads and merges all layers. Does not judge the values: see [`super::problems`].
///
/// # Errors
/// A file that cannot be read or parsed; a key that does not exist or has the wrong type. The message names
/// the key.
pub(crate) fn load(sources: &Sources) -> anyhow::Result<Config> {
    let mut merged = match &sources.file {
        Some(path) => read_file(path)?,
        None => Table::new(),
    };
    let mut variables: Vec<_> = sources.environment.iter().collect();
    variables.sort();
    for (name, value) in variables {
        if let Some(path) = name.strip_prefix(ENVIRONMENT_PREFIX) {
            let key = path.to_lowercase().replace("__", ".");
            set(&mut merged, &key, value).with_context(|| format!("environment variable {name}"))?;
        }
    }
    for flag in &sources.flags {
        let Some((key, value)) = flag.split_once('=') else {
            bail!("--set {flag}: write it as KEY=VALUE, such as --set http.bind=127.0.0.1:8642");
        };
        set(&mut merged, key.trim(), value.trim()).with_context(|| format!("--set {flag}"))?;
    }
    serde_path_to_error::deserialize(Value::Table(merged)).map_err(|error| {
        let path = error.path().to_string();
        anyhow::anyhow!(
            "configuration key '{path}': {}. All keys are in deploy/baize.toml",
            error.into_inner()
        )
    })
}

fn read_file(path: &Path) -> anyhow::Result<Table> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the configuration file {}", path.display()))?;
    text.parse().with_context(|| format!("{} is not valid TOML", path.display()))
}

/// Sets one dotted key. The value is TOML where it parses as such (`true`, `8`, `["A"]`), else text.
fn set(table: &mut Table, key: &str, raw: &str) -> anyhow::Result<()> {
    let value = format!("v = {raw}")
        .parse::<Table>()
        .ok()
        .and_then(|mut parsed| parsed.remove("v"))
        .unwrap_or_else(|| Value::String(raw.to_owned()));
    let mut levels: Vec<&str> = key.split('.').collect();
    let Some(last) = levels.pop().filter(|name| !name.is_empty()) else {
        bail!("'{key}' is not a configuration key");
    };
    let mut here = table;
    for level in levels {
        here = here
            .entry(level)
            .or_insert_with(|| Value::Table(Table::new()))
            .as_table_mut()
            .with_context(|| format!("'{level}' in '{key}' is a value, not a section"))?;
    }
    here.insert(last.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn from(file: &str, environment: &[(&str, &str)], flags: &[&str]) -> anyhow::Result<Config> {
        let mut written = tempfile::NamedTempFile::new().unwrap();
        written.write_all(file.as_bytes()).unwrap();
        load(&Sources {
            file: Some(written.path().to_owned()),
            flags: flags.iter().map(ToString::to_string).collect(),
            environment: environment.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect(),
        })
    }

    #[test]
    fn later_layers_win_key_by_key() {
        let config = from(
            "[dimse]\nae_title = 'FILE'\nmax_associations = 3\n[http]\nbind = '127.0.0.1:1'",
            &[("BAIZE__DIMSE__AE_TITLE", "ENV"), ("BAIZE__HTTP__BIND", "127.0.0.1:2"), ("HOME", "/")],
            &["http.bind=127.0.0.1:3", "dimse.allowed_calling_aes=[\"A\", \"B\"]"],
        )
        .unwrap();
        assert_eq!(config.dimse.ae_title, "ENV");
        assert_eq!(config.dimse.max_associations, 3);
        assert_eq!(config.http.bind.port(), 3);
        assert_eq!(config.dimse.allowed_calling_aes, ["A", "B"]);
    }

    #[test]
    fn a_wrong_key_is_named_wherever_it_stands() {
        // File, environment, flags, and what the message must name.
        type Case =
            (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str], &'static str);
        let cases: [Case; 6] = [
            ("[http]\nbnd = 1", &[], &[], "bnd"),
            ("[htp]\nbind = 1", &[], &[], "htp"),
            ("", &[("BAIZE__HTTP__BIMD", "x")], &[], "bimd"),
            ("", &[], &["engine.threads=2"], "threads"),
            ("[engine]\nmax_jobs = 'many'", &[], &[], "engine.max_jobs"),
            ("", &[], &["engine"], "KEY=VALUE"),
        ];
        for (file, environment, flags, named) in cases {
            let message = format!("{:#}", from(file, environment, flags).unwrap_err());
            assert!(message.contains(named), "{message:?} must name {named}");
        }
    }

    #[test]
    fn no_layer_gives_the_defaults() {
        assert_eq!(load(&Sources::default()).unwrap(), Config::default());
    }
}
