//! How one check ended. Made by the checks, shown by the report.

use serde::Serialize;

/// One check and how it ended.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    /// A word in `snake_case`, for programs.
    pub(crate) check: &'static str,
    /// What is looked at, for people.
    pub(crate) title: &'static str,
    #[serde(flatten)]
    pub(crate) outcome: CheckOutcome,
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(crate) enum CheckOutcome {
    /// Something does not work, or will not.
    Problem(Finding),
    /// It works, and could stop to, or surprise somebody.
    Warning(Finding),
    /// What was seen.
    Fine { what: String },
    /// It applies, and could not be looked at.
    NotChecked { reason: String },
    /// It cannot matter here.
    NotApplicable { reason: String },
}

/// What is not well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) what: String,
    pub(crate) why: String,
    /// Commands for root's shell, in this order.
    pub(crate) mend: Vec<String>,
}

impl CheckOutcome {
    pub(crate) fn problem(what: impl Into<String>, why: impl Into<String>, mend: Vec<String>) -> Self {
        Self::Problem(Finding { what: what.into(), why: why.into(), mend })
    }

    pub(crate) fn warning(what: impl Into<String>, why: impl Into<String>, mend: Vec<String>) -> Self {
        Self::Warning(Finding { what: what.into(), why: why.into(), mend })
    }

    pub(crate) fn fine(what: impl Into<String>) -> Self {
        Self::Fine { what: what.into() }
    }

    pub(crate) fn not_checked(reason: impl Into<String>) -> Self {
        Self::NotChecked { reason: reason.into() }
    }

    pub(crate) fn not_applicable(reason: impl Into<String>) -> Self {
        Self::NotApplicable { reason: reason.into() }
    }
}
