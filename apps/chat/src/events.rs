//! The messages that clients receive, as JSON.

use crate::history::Line;
use serde::Serialize;
use std::collections::VecDeque;

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Event<'a> {
    /// First, to who has joined: who is here, and the last lines.
    Welcome { room: &'a str, name: &'a str, here: Vec<&'a str>, lines: &'a VecDeque<Line> },
    /// Somebody came.
    Joined { name: &'a str },
    /// Somebody went.
    Left { name: &'a str },
    /// Somebody said something.
    Said(&'a Line),
    /// What its receiver sent was not passed on.
    Refused { text: &'a str },
}

impl Event<'_> {
    pub(crate) fn json(&self) -> String {
        serde_json::to_string(self).expect("there is nothing in it that JSON lacks")
    }
}
