//! Which language the operator reads.

use baize_core::Language;

/// Chinese where the locale says so (`LC_ALL`, `LC_MESSAGES`, `LANG`, first that is set), else English.
pub(crate) fn of_operator() -> Language {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    match locale {
        Some(name) if name.to_lowercase().starts_with("zh") => Language::Chinese,
        _ => Language::English,
    }
}

/// Picks one of two wordings.
pub(crate) fn pick(language: Language, zh: &'static str, en: &'static str) -> &'static str {
    match language {
        Language::Chinese => zh,
        Language::English => en,
    }
}
