//! What is set now and what is written for the next boot: the least that is enough, and never less than there is.

use super::needs::Need;
use super::sysctl_files::{Assignment, OWN_FILE, assignment_in};
use crate::failure::{Failure, Status};
use crate::output::shown_path;
use std::path::Path;

/// What is done about all limits.
pub(super) struct Plan {
    changes: Vec<Change>,
}

/// What is done about one.
#[derive(Debug, PartialEq, Eq)]
struct Change {
    name: &'static str,
    why: String,
    in_force: u64,
    /// `None`: it is high enough.
    set_to: Option<u64>,
    /// `None`: it is high enough at the next boot, or the own file could not change that.
    write: Option<u64>,
    /// Another file has the last word at the next boot, and sets less.
    overridden: Option<String>,
}

impl Plan {
    pub(super) fn new(needs: &[Need], assignments: &[Assignment]) -> Result<Self, Failure> {
        let changes = needs.iter().map(|need| Ok(Change::new(need, in_force(need.name)?, assignments)));
        Ok(Self { changes: changes.collect::<Result<_, Failure>>()? })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.iter().all(|change| change.set_to.is_none() && change.write.is_none())
    }

    pub(super) fn writes_file(&self) -> bool {
        self.changes.iter().any(|change| change.write.is_some())
    }

    pub(super) fn to_set(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.changes.iter().filter_map(|change| Some((change.name, change.set_to?)))
    }

    /// All that should be raised, now or for the next boot.
    pub(super) fn wanted(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.changes.iter().filter_map(|change| Some((change.name, change.set_to.or(change.write)?)))
    }

    /// What stands in the way at the next boot.
    pub(super) fn overridden(&self) -> impl Iterator<Item = &str> {
        self.changes.iter().filter_map(|change| change.overridden.as_deref())
    }

    /// What is set now.
    pub(super) fn sentences(&self) -> impl Iterator<Item = String> {
        self.changes.iter().filter_map(|change| {
            let Change { name, in_force, why, .. } = change;
            change.set_to.map(|value| format!("{name} from {in_force} to {value}, since {why}"))
        })
    }

    /// The own file as it will be; lines that set something else stay.
    pub(super) fn text_of_own_file(&self, text: &str) -> String {
        let written: Vec<_> = self.changes.iter().filter_map(|change| Some((change.name, change.write?))).collect();
        let is_kept = |line: &&str| {
            let set = assignment_in(line).map(|(name, _)| name);
            !written.iter().any(|(name, _)| set.as_deref() == Some(*name))
        };
        let header = if text.is_empty() {
            "# For the queues of msgqd; by msgqctl doctor --fix, which only raises.\n"
        } else {
            ""
        };
        let kept = text.lines().filter(is_kept).map(|line| format!("{line}\n"));
        let new = written.iter().map(|(name, value)| format!("{name} = {value}\n"));
        std::iter::once(header.to_owned()).chain(kept).chain(new).collect()
    }
}

impl Change {
    fn new(need: &Need, in_force: u64, assignments: &[Assignment]) -> Self {
        let own_name = Path::new(OWN_FILE).file_name();
        let of_limit = || assignments.iter().filter(|it| it.name == need.name);
        let own = of_limit().rfind(|it| it.file == Path::new(OWN_FILE)).map(|it| it.value);
        let is_after = |it: &&Assignment| it.file.file_name() > own_name || it.file == Path::new("/etc/sysctl.conf");
        let others = || of_limit().filter(|it| it.file != Path::new(OWN_FILE));
        let before = others().rfind(|it| !is_after(it)).map(|it| it.value);
        let after = others().rfind(is_after);
        let at_boot = own.or(before).unwrap_or(need.default);
        let (write, overridden) = match after {
            Some(after) if after.value < need.value => (None, Some(overriding(need, after))),
            Some(_) => (None, None),
            None if at_boot >= need.value => (None, None),
            None => (Some(need.value.max(in_force).max(own.unwrap_or(0)).max(before.unwrap_or(0))), None),
        };
        let set_to = (in_force < need.value).then(|| write.unwrap_or(need.value));
        Self { name: need.name, why: need.why.clone(), in_force, set_to, write, overridden }
    }
}

fn overriding(need: &Need, after: &Assignment) -> String {
    let Need { name, value, why, .. } = need;
    format!(
        "{}:{} sets {name} = {}, and has the last word at the next boot: write {value} there, since {why}",
        shown_path(&after.file),
        after.line,
        after.value
    )
}

/// The limit as it is now.
pub(super) fn in_force(name: &str) -> Result<u64, Failure> {
    let path = format!("/proc/sys/{}", name.replace('.', "/"));
    let value = std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
    value.ok_or_else(|| Failure::new(Status::Other, format!("{path} shows no number, so nothing was changed")))
}
