//! What is odd about the configured keys: ids of which ftok(3) uses a part, and keys that other configurations have too.

use msgq_core::config::{Config, KeySetting, SYSTEM_CONFIG};
use msgq_core::escape::escape;
use msgq_core::queue::{QueueKey, low_8_bits};
use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Files that are looked at: more is no directory of configurations.
const MAX_FILES: usize = 256;

/// A sentence for each thing that is odd. `path` is where the configuration stands; others are looked for beside it and beside
/// the system's own.
#[must_use]
pub fn odd_keys(config: &Config, path: Option<&Path>) -> Vec<String> {
    let own: Vec<_> = keys_of(config).collect();
    let cut_ids = own.iter().filter_map(|(setting, key)| cut_id(setting, key));
    let others: Vec<_> = other_configurations(path).into_iter().flat_map(|file| keys_in(&file)).collect();
    let shared = own.iter().flat_map(|(setting, key)| {
        let resolved = key.resolve().ok();
        others.iter().filter(move |other| Some(other.key) == resolved).map(|other| shared_key(setting, key, other))
    });
    cut_ids.chain(shared).collect()
}

/// A queue that another configuration names.
struct OtherKey {
    file: PathBuf,
    setting: &'static str,
    key: QueueKey,
    as_written: KeySetting,
}

fn keys_of(config: &Config) -> impl Iterator<Item = (&'static str, &KeySetting)> {
    let second = config.reply_queue.as_ref().map(|queue| ("protocol.reply", &queue.key));
    std::iter::once(("queue.key", &config.queue.key)).chain(second)
}

fn cut_id(setting: &str, key: &KeySetting) -> Option<String> {
    let KeySetting::Path { id, .. } = key else { return None };
    let used = low_8_bits(*id);
    (i32::from(used) != *id).then(|| {
        format!(
            "{setting}: id = {id} is the same as id = {used}, since ftok(3) uses its low 8 bits alone; ids that differ by a \
             multiple of 256 give one queue"
        )
    })
}

fn shared_key(setting: &str, key: &KeySetting, other: &OtherKey) -> String {
    format!(
        "queue {} ({setting}{}) is also that of {} ({}{}), and only one server can serve it; give one of them another key, unless \
         that file is not used",
        other.key,
        in_words(key),
        shown(&other.file),
        other.setting,
        in_words(&other.as_written)
    )
}

fn in_words(key: &KeySetting) -> String {
    match key {
        KeySetting::Number(_) => String::new(),
        KeySetting::Path { path, id } => format!(", from {} and id {id}", shown(path)),
    }
}

fn shown(path: &Path) -> String {
    escape(path.as_os_str().as_bytes())
}

fn other_configurations(path: Option<&Path>) -> BTreeSet<PathBuf> {
    let own = path.and_then(|path| path.canonicalize().ok());
    let of_system = Path::new(SYSTEM_CONFIG).parent();
    let directories = own.as_deref().and_then(Path::parent).into_iter().chain(of_system);
    let entries = directories.filter_map(|directory| std::fs::read_dir(directory).ok()).flat_map(|entries| {
        entries.flatten().map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|it| it == "toml"))
    });
    let real = entries.filter_map(|path| path.canonicalize().ok()).filter(|path| Some(path) != own.as_ref());
    real.take(MAX_FILES).collect()
}

fn keys_in(file: &Path) -> Vec<OtherKey> {
    let Ok(config) = Config::load_protocol(file).or_else(|_| Config::load_leniently(file)) else { return Vec::new() };
    let named = |(setting, key): (&'static str, &KeySetting)| {
        Some(OtherKey { file: file.to_owned(), setting, key: key.resolve().ok()?, as_written: key.clone() })
    };
    keys_of(&config).filter_map(named).collect()
}
