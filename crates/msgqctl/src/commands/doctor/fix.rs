//! `doctor --fix`: raises the limits of the kernel that the configurations need, now and for every boot. Lowers none.

mod apply;
mod needs;
mod plan;
mod sysctl_files;

use crate::commands::confirmation::{is_confirmed, nobody_can_be_asked};
use crate::failure::{Failure, Status};
use crate::output::complain;
use crate::target::QueueOptions;
use apply::{set_limit, write_own_file};
use msgq_core::limits::LimitPlace;
use needs::needs_of_configurations;
use nix::unistd::geteuid;
use plan::Plan;
use sysctl_files::{OWN_FILE, read_assignments, read_own_file};

/// Raises what is too low, after a question unless `is_answered`. True when all is as it should be at the next boot too.
pub(super) fn fix_limits(options: &QueueOptions, is_answered: bool) -> Result<bool, Failure> {
    if !geteuid().is_root() {
        let message = "only root can set limits of the kernel: sudo msgqctl doctor --fix; nothing was changed";
        return Err(Failure::new(Status::Permission, message));
    }
    let needs = needs_of_configurations(options)?;
    let own_text = read_own_file()?;
    let plan = Plan::new(&needs, &read_assignments()?)?;
    plan.overridden().for_each(complain);
    let is_kept = plan.overridden().next().is_none();
    if plan.is_empty() {
        if is_kept {
            complain(
                "nothing to raise: the limits of the kernel are as high as the configurations need, also at the next boot",
            );
        }
        return Ok(is_kept);
    }
    refuse_where_read_only(&plan)?;
    let text = plan.text_of_own_file(&own_text);
    agree(&plan, &text, is_answered)?;
    for (name, value) in plan.to_set() {
        set_limit(name, value)?;
    }
    if plan.writes_file() {
        write_own_file(&text)?;
    }
    Ok(is_kept)
}

/// Where the limits are somebody else's to set, a file here would have no effect.
fn refuse_where_read_only(plan: &Plan) -> Result<(), Failure> {
    let place = LimitPlace::of_this_process();
    if place == LimitPlace::Here {
        return Ok(());
    }
    let ways = plan.wanted().map(|(name, value)| place.how_to_set(name, value)).collect::<Vec<_>>().join("; ");
    Err(Failure::new(Status::Other, format!("/proc/sys is read-only here, so nothing was changed; do this: {ways}")))
}

/// Says what is about to be done, and asks.
fn agree(plan: &Plan, text: &str, is_answered: bool) -> Result<(), Failure> {
    let mut about: Vec<String> = plan.sentences().collect();
    if plan.writes_file() {
        let lines: String = text.lines().map(|line| format!("\n    {line}")).collect();
        about.push(format!("{OWN_FILE} is written, for every boot:{lines}"));
    }
    if is_answered {
        about.iter().for_each(|sentence| complain(sentence));
        return Ok(());
    }
    if nobody_can_be_asked() {
        let message = format!(
            "where nobody can be asked, --fix needs --yes; nothing was changed; it would: {}",
            about.join("; ")
        );
        return Err(Failure::new(Status::Usage, message));
    }
    about.iter().for_each(|sentence| complain(sentence));
    match is_confirmed("Do this?") {
        true => Ok(()),
        false => Err(Failure::new(Status::Other, "not confirmed: nothing was changed")),
    }
}
