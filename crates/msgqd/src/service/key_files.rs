//! The files that keys are made from: a file that is made anew gives another key, and clients that start then look for another
//! queue than those before.

use super::queues::QueueKeys;
use msgq_core::config::{Config, KeySetting};
use msgq_core::escape::escape;
use msgq_core::queue::QueueKey;
use std::os::unix::ffi::OsStrExt;

/// Those of the queues that are served.
#[derive(Debug)]
pub(super) struct KeyFiles(Vec<KeyFile>);

#[derive(Debug)]
struct KeyFile {
    setting: KeySetting,
    served: QueueKey,
    /// The key that it gives, as it was last told; `None` where there was none.
    told: Option<QueueKey>,
}

impl KeyFiles {
    /// Says which there are.
    pub(super) fn of(config: &Config, keys: QueueKeys) -> Self {
        let requests = Some((&config.queue, keys.requests));
        let queues = requests.into_iter().chain(config.reply_queue.as_ref().zip(keys.answers));
        let file = |(queue, served): (_, QueueKey)| {
            let queue: &msgq_core::config::QueueConfig = queue;
            KeyFile { setting: queue.key.clone(), served, told: Some(served) }
        };
        let files: Vec<_> = queues.map(file).filter(|file| matches!(file.setting, KeySetting::Path { .. })).collect();
        for file in &files {
            log::info!(
                "key {} is made from {}: it is another key once that file is made anew, as editors and packages do",
                file.served,
                file.name()
            );
        }
        Self(files)
    }

    /// Says what became of them, once.
    pub(super) fn tend(&mut self) {
        self.0.iter_mut().for_each(KeyFile::tend);
    }
}

impl KeyFile {
    fn tend(&mut self) {
        let now = self.setting.resolve();
        let key = now.as_ref().ok().copied();
        if key == self.told {
            return;
        }
        self.told = key;
        let (name, served) = (self.name(), self.served);
        match now {
            Ok(key) if key == served => log::info!("{name} gives key {served} again"),
            Ok(key) => log::warn!(
                "{name} was made anew and gives key {key} now: clients that start from here on look for that queue, while this \
                 server serves queue {served}; restart the server once the clients of before are through"
            ),
            Err(_) => log::warn!(
                "{name} is gone: clients that start from here on cannot make the key of queue {served}, and another file in its \
                 place gives another key"
            ),
        }
    }

    fn name(&self) -> String {
        match &self.setting {
            KeySetting::Number(key) => key.to_string(),
            KeySetting::Path { path, id } => format!("{} with id {id}", escape(path.as_os_str().as_bytes())),
        }
    }
}
