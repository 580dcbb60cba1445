//! The configurations of this machine, and the keys that they name: which queues are meant, and which paths give one key.

use crate::output::shown_path;
use crate::system::procfs::command_of_process;
use crate::target::QueueOptions;
use msgq_core::config::{Config, KeySetting, SYSTEM_CONFIG};
use msgq_core::queue::QueueKey;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Files that are looked at: more is no directory of configurations.
const MAX_FILES: usize = 256;

/// A queue that a configuration names.
#[derive(Debug, Clone)]
struct NamedQueue {
    file: PathBuf,
    key: QueueKey,
    /// As the file has it: a path and its id, or a number.
    setting: KeySetting,
}

/// All that could be read of them.
#[derive(Debug, Default)]
pub(super) struct Configurations {
    named: Vec<NamedQueue>,
}

impl Configurations {
    /// Those beside msgqd's own, and the one of the command line.
    pub(super) fn read(options: &QueueOptions) -> Self {
        let directory = Path::new(SYSTEM_CONFIG).parent().unwrap_or(Path::new("/"));
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
        let is_toml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "toml");
        let files: BTreeSet<PathBuf> = entries.filter(is_toml).take(MAX_FILES).chain(options.config.clone()).collect();
        Self { named: files.iter().flat_map(|file| queues_of(file)).collect() }
    }

    /// The files that name this queue, as they are shown.
    pub(super) fn files_of(&self, key: QueueKey) -> Vec<String> {
        let files: BTreeSet<_> = self.named.iter().filter(|it| it.key == key).map(|it| shown_path(&it.file)).collect();
        files.into_iter().collect()
    }

    /// The different ways in which configurations come to this key, each with its file; none where there is one only.
    pub(super) fn collision(&self, key: QueueKey) -> Vec<String> {
        let mut ways: Vec<&NamedQueue> = Vec::new();
        for named in self.named.iter().filter(|it| it.key == key) {
            if ways.iter().all(|way| way.setting != named.setting) {
                ways.push(named);
            }
        }
        let has_path = ways.iter().any(|way| matches!(way.setting, KeySetting::Path { .. }));
        if ways.len() < 2 || !has_path {
            return Vec::new();
        }
        ways.iter().map(|way| format!("{} in {}", setting_in_words(&way.setting), shown_path(&way.file))).collect()
    }

    /// The path and the key that the configuration of this living msgqd gives now, where that is another than it serves: the
    /// path was made anew.
    pub(super) fn changed_path(&self, pid: i32, key: QueueKey) -> Option<(String, QueueKey)> {
        let file = configuration_of(pid)?;
        let config = Config::load_leniently(&file).ok()?;
        let now = config.queue.key.resolve().ok()?;
        match config.queue.key {
            KeySetting::Path { path, .. } if now != key => Some((shown_path(&path), now)),
            _ => None,
        }
    }
}

fn queues_of(file: &Path) -> Vec<NamedQueue> {
    let config = Config::load_protocol(file).or_else(|_| Config::load_leniently(file));
    let Ok(config) = config else { return Vec::new() };
    let queues = [Some(config.queue), config.reply_queue].into_iter().flatten();
    let named = queues.filter_map(|queue| {
        let key = queue.key.resolve().ok()?;
        Some(NamedQueue { file: file.to_owned(), key, setting: queue.key })
    });
    named.collect()
}

fn setting_in_words(setting: &KeySetting) -> String {
    match setting {
        KeySetting::Number(key) => format!("the number {key}"),
        KeySetting::Path { path, id } => format!("the path {} with id {id}", shown_path(path)),
    }
}

/// The file that a msgqd was started with, as its command line tells it; `None` where a key stands there instead.
fn configuration_of(pid: i32) -> Option<PathBuf> {
    let words = command_of_process(pid)?;
    let given = value_of_option(&words, "--config");
    if given.is_none() && value_of_option(&words, "--key").is_some() {
        return None;
    }
    let file = given.map_or_else(|| PathBuf::from(SYSTEM_CONFIG), PathBuf::from);
    Some(if file.is_absolute() { file } else { PathBuf::from(format!("/proc/{pid}/cwd")).join(file) })
}

fn value_of_option(words: &[OsString], name: &str) -> Option<String> {
    let text = |word: &OsString| word.to_str().map(str::to_owned);
    words.iter().enumerate().find_map(|(at, word)| {
        let word = word.to_str()?;
        match word.strip_prefix(name)? {
            "" => text(words.get(at + 1)?),
            rest => rest.strip_prefix('=').map(str::to_owned),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(file: &str, key: i32, setting: KeySetting) -> NamedQueue {
        NamedQueue { file: PathBuf::from(file), key: QueueKey::new(key).unwrap(), setting }
    }

    #[test]
    fn two_ways_to_one_key_are_a_collision_where_one_of_them_is_a_path() {
        let path = |path: &str| KeySetting::Path { path: PathBuf::from(path), id: 1 };
        let number = KeySetting::Number(QueueKey::new(7).unwrap());
        let configurations = Configurations {
            named: vec![
                named("/a.toml", 7, path("/one")),
                named("/b.toml", 7, path("/two")),
                named("/c.toml", 7, path("/one")),
                named("/d.toml", 8, path("/three")),
                named("/e.toml", 9, number.clone()),
                named("/f.toml", 9, number),
            ],
        };
        let key = |raw| QueueKey::new(raw).unwrap();
        let ways = ["the path /one with id 1 in /a.toml", "the path /two with id 1 in /b.toml"];
        assert_eq!(configurations.collision(key(7)), ways);
        assert_eq!(configurations.collision(key(8)), [""; 0]);
        assert_eq!(configurations.collision(key(9)), [""; 0]);
        assert_eq!(configurations.files_of(key(7)), ["/a.toml", "/b.toml", "/c.toml"]);
    }

    #[test]
    fn the_value_of_an_option_stands_behind_it_or_behind_an_equals_sign() {
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        for given in [&["msgqd", "--config", "x"][..], &["msgqd", "--config=x"]] {
            assert_eq!(value_of_option(&words(given), "--config").as_deref(), Some("x"));
        }
        assert_eq!(value_of_option(&words(&["msgqd", "--configure", "x"]), "--config"), None);
    }
}
