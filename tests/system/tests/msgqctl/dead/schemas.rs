//! `--json` of each command against its schema.

use super::*;
use crate::schema::{fits, has_validator};

#[test]
fn every_command_about_dead_letters_fits_its_schema() {
    if !has_validator() {
        return;
    }
    let dead = DeadQueue::with_letters(3);
    let nobodys = DeadLetter { client: None, mtype: 0, body: b"\xff".to_vec(), ..dead.letter(4) };
    dead.letters.append(&nobodys).unwrap();
    let saved = dead.state.path().join("saved").display().to_string();
    for (schema, arguments) in [
        ("dead-list", ["list"].as_slice()),
        ("dead-show", &["show", &id(1)]),
        ("dead-show", &["show", &id(4)]),
        ("dead-retry", &["retry", &id(1), &id(4)]),
        ("dead-drop", &["drop", &id(2)]),
        ("dead-drop", &["drop", "--all", "--yes", "--save", &saved]),
        ("dead-drop", &["drop", "--all", "--yes"]),
        ("dead-retry", &["retry", "--all"]),
        ("dead-list", &["list"]),
    ] {
        fits(schema, &run(&dead, &[&["--json", "dead"], arguments].concat()).stdout);
    }
}
