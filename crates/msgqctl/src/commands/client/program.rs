//! Which program it is, and what stands in its gaps.

use super::c_struct::struct_of_message;
use super::fields::{ClientField, fields_of};
use super::language::Language;
use super::numbers::free_numbers;
use super::rows::table_rows;
use super::template::{Gaps, fill, with_parts};
use msgq_core::layout::protocol::{
    ClientKind, ClientRole, OPEN_TEXT_LIMIT, Protocol, ProtocolPlan, ReplyRoute, RequestTypes,
};
use msgq_core::layout::shape::Abi;
use msgq_core::queue::QueueKey;
use std::collections::HashSet;

/// The program for this queue and protocol.
///
/// # Errors
/// Why there is none.
pub(super) fn client_program(language: Language, key: QueueKey, protocol: &Protocol) -> Result<String, String> {
    if protocol.route() != ReplyRoute::Shared {
        return Err(
            "it would read its answers from the queue of requests, and they go elsewhere (protocol.reply)".to_owned()
        );
    }
    let mut gaps = Gaps::default();
    gaps.texts.insert("KEY", key.to_string());
    put_types(&mut gaps, protocol);
    put_numbers(&mut gaps, protocol)?;
    let [plain, declared, shared] = templates(language);
    let template = match protocol.plan() {
        None => {
            gaps.either(!protocol.repeats_pid(), "STATUS", "ECHO");
            plain
        }
        Some(plan) => {
            put_client(&mut gaps, plan);
            put_fields(&mut gaps, language, protocol, plan)?;
            declared
        }
    };
    fill(&with_parts(template, shared)?, &gaps)
}

/// Of the plain protocol, of declared ones, and what both have in common.
fn templates(language: Language) -> [&'static str; 3] {
    macro_rules! of {
        ($end:literal) => {
            [
                include_str!(concat!("templates/plain.", $end)),
                include_str!(concat!("templates/declared.", $end)),
                include_str!(concat!("templates/shared.", $end)),
            ]
        };
    }
    match language {
        Language::C => of!("c"),
        Language::Perl => of!("pl"),
        Language::Python => of!("py"),
        Language::Php => of!("php"),
    }
}

fn put_types(gaps: &mut Gaps, protocol: &Protocol) {
    let types = protocol.request_types();
    let first = types.after(0);
    gaps.either(types.only().is_none(), "TYPES", "ONE_TYPE");
    gaps.either(protocol.response_mtype(0) != 0, "BASE", "NO_BASE");
    let several = |text: String| if types.only().is_none() { text } else { first.to_string() };
    gaps.texts.extend([
        ("FIRST_TYPE", first.to_string()),
        ("LAST_TYPE", types.highest().to_string()),
        ("BASE", protocol.response_mtype(0).to_string()),
        ("OPTIONS", if types.only().is_none() { "k:t:m:" } else { "k:t:" }.to_owned()),
        ("TYPE_LIST", ranges(types, ["", "..", ""])),
        ("C_RANGES", ranges(types, ["{ ", ", ", " }"])),
        ("PERL_RANGES", ranges(types, ["[", ", ", "]"])),
        ("PHP_RANGES", ranges(types, ["[", ", ", "]"])),
        ("PYTHON_RANGES", ranges(types, ["(", ", ", ")"])),
        ("PERL_MTYPE", several(format!("$option{{m}} // {first}"))),
        ("PYTHON_MTYPE", several(format!("options.get(\"-m\", {first})"))),
    ]);
}

/// Both ends of each range, with these texts before, between and behind them.
fn ranges(types: &RequestTypes, [before, between, behind]: [&str; 3]) -> String {
    let of_range = |(first, last): (i64, i64)| {
        if before.is_empty() && first == last {
            return first.to_string();
        }
        format!("{before}{first}{between}{last}{behind}")
    };
    let ends = types.ranges().iter().map(|range| (*range.start(), *range.end()));
    ends.map(of_range).collect::<Vec<_>>().join(", ")
}

fn put_numbers(gaps: &mut Gaps, protocol: &Protocol) -> Result<(), String> {
    let is_number = protocol.client_kind() == ClientKind::Number;
    gaps.either(is_number, "NUMBER", "PROCESS");
    if is_number {
        let (lowest, highest) = free_numbers(protocol)?;
        gaps.texts.extend([("LOWEST", lowest.to_string()), ("HIGHEST", highest.to_string())]);
    }
    Ok(())
}

fn put_client(gaps: &mut Gaps, plan: &ProtocolPlan) {
    let word = match &plan.client {
        Some(ClientRole::Decimal { word, .. }) => Some(*word),
        Some(ClientRole::Field(_) | ClientRole::Mtype) | None => None,
    };
    gaps.either(word.is_some(), "CLIENT_WORD", "CLIENT_FIELD");
    gaps.either(plan.status.is_some(), "STATUS", "NO_STATUS");
    gaps.texts.extend([
        ("CLIENT", plan.client_field().unwrap_or_default().to_owned()),
        ("CLIENT_WORD", word.unwrap_or(0).to_string()),
        ("STATUS", plan.status.clone().unwrap_or_default()),
    ]);
}

fn put_fields(gaps: &mut Gaps, language: Language, protocol: &Protocol, plan: &ProtocolPlan) -> Result<(), String> {
    let (request, response) = (plan.request.shape(Abi::NATIVE), plan.response.shape(Abi::NATIVE));
    let (mut asked, mut answered) = (fields_of(request)?, fields_of(response)?);
    if language == Language::C {
        // The bound of an array of structs may differ for other programs.
        retain_common(&mut asked, &fields_of(&plan.request.ilp32)?);
        retain_common(&mut answered, &fields_of(&plan.response.ilp32)?);
    }
    let sizes = |lp64: usize, ilp32: usize| format!("{lp64}, {ilp32}");
    if language == Language::C {
        let structs = [struct_of_message("request", &plan.request)?, struct_of_message("response", &plan.response)?];
        gaps.texts.insert("C_STRUCTS", structs.join("\n\n"));
    }
    gaps.texts.extend([
        ("C_REQUEST_SIZES", sizes(plan.request.lp64.whole_len, plan.request.ilp32.whole_len)),
        ("C_RESPONSE_SIZES", sizes(plan.response.lp64.whole_len, plan.response.ilp32.whole_len)),
        ("REQUEST_ROWS", table_rows(language, "request", &asked)),
        ("RESPONSE_ROWS", table_rows(language, "response", &answered)),
        ("REQUEST_LEN", request.body_len().max(request.used_len()).to_string()),
        ("REQUEST_ROOM", protocol.longest_request(OPEN_TEXT_LIMIT).to_string()),
        ("RESPONSE_ROOM", protocol.longest_response(OPEN_TEXT_LIMIT).to_string()),
        ("LONG_LEN", Abi::NATIVE.long_len().to_string()),
        ("EXAMPLE", example(&asked, plan)),
    ]);
    Ok(())
}

fn retain_common(fields: &mut Vec<ClientField>, others: &[ClientField]) {
    let others: HashSet<&str> = others.iter().map(|field| field.path.as_str()).collect();
    fields.retain(|field| others.contains(field.path.as_str()));
}

/// Up to two fields that are to be given; the number of the client is not.
fn example(asked: &[ClientField], plan: &ProtocolPlan) -> String {
    let is_client_alone = |field: &&ClientField| {
        matches!(plan.client, Some(ClientRole::Decimal { .. })) || Some(field.path.as_str()) != plan.client_field()
    };
    asked.iter().filter(is_client_alone).take(2).map(ClientField::example).collect::<Vec<_>>().join(" ")
}
