use super::*;
use crate::layout::declaration::Declaration;
use crate::layout::protocol::{ClientRole, OwnedFieldValue, Protocol, Setting};
use std::collections::BTreeMap;

fn plan(request: &str, response: &str) -> ProtocolPlan {
    let parse = |text: &str| Declaration::parse(text, &BTreeMap::new()).unwrap();
    ProtocolPlan::new(parse(request), parse(response))
}

fn answered(protocol: &Protocol, body: &[u8], answer: &Answer<'_>) -> Vec<u8> {
    let request = protocol.read_request(1, body).unwrap();
    let mut room = vec![0xaa; protocol.longest_response(4096)];
    let len = protocol.write_response(&request, answer, &mut room);
    room.truncate(len);
    room
}

fn text(text: &[u8]) -> Answer<'_> {
    Answer { text, ..Answer::default() }
}

#[test]
fn fields_that_both_share_are_copied_and_all_else_is_zero() {
    let both = "struct { long mtype; int op; pid_t pid; char text[6]; short serial; int result; }";
    let mut plan = plan(both, "struct { long mtype; short serial; char text[6]; int op, result; long pid; }");
    plan.status = Some("result".to_owned());
    let protocol = Protocol::from_plan(&plan).unwrap();
    let mut body = vec![0; 24];
    body[0..4].copy_from_slice(&7_i32.to_ne_bytes());
    body[4..8].copy_from_slice(&1234_i32.to_ne_bytes());
    body[8..10].copy_from_slice(b"hi");
    body[14..16].copy_from_slice(&99_i16.to_ne_bytes());
    body[16..20].copy_from_slice(&55_i32.to_ne_bytes());
    let answer = answered(&protocol, &body, &Answer { status: -3, ..text(b"hello, world") });
    let mut expected = 99_i16.to_ne_bytes().to_vec();
    expected.extend(b"hello\0");
    expected.extend(7_i32.to_ne_bytes());
    expected.extend((-3_i32).to_ne_bytes());
    // Of another type, so it is not copied.
    expected.extend([0; 8]);
    assert_eq!(answer, expected);
    // `long` and `int` are two types for a 32-bit program too, although they are as long there.
    body.truncate(20);
    expected.truncate(20);
    assert_eq!(answered(&protocol, &body, &Answer { status: -3, ..text(b"hello, world") }), expected);
}

#[test]
fn the_client_stands_in_a_field_of_any_width_or_in_a_text() {
    let request = |declaration: &str, role: Option<ClientRole>| {
        let mut plan = plan(declaration, declaration);
        plan.client = role;
        Protocol::from_plan(&plan).unwrap()
    };
    let field = |name: &str| Some(ClientRole::Field(name.to_owned()));
    let protocol = request("struct { long mtype; long long who; }", field("who"));
    assert_eq!(protocol.claimed_client(1, &77_i64.to_ne_bytes()), Some(77));
    let protocol = request("struct { long mtype; unsigned short who; }", field("who"));
    assert_eq!(protocol.claimed_client(1, &65535_u16.to_ne_bytes()), Some(65535));
    let protocol = request("struct { long mtype; uint64_t pid; }", None);
    assert_eq!(protocol.claimed_client(1, &[0xff; 8]), Some(i64::MAX));
    let word = |word| Some(ClientRole::Decimal { field: "text".to_owned(), word });
    let protocol = request("struct { long mtype; char text[32]; }", word(1));
    assert_eq!(protocol.claimed_client(1, b"get  4321 name\0"), Some(4321));
    assert_eq!(protocol.claimed_client(1, b"get\0 4321"), None);
    assert!(matches!(protocol.read_request(1, b"s:5:\"hello\""), Err(Malformed::NoClient { cause: Some(_), .. })));
}

#[test]
fn a_body_of_another_length_names_its_client_still() {
    let protocol =
        Protocol::from_plan(&plan("struct { long mtype; pid_t pid; double x; }", "struct { long mtype; int y; }"))
            .unwrap();
    let mut body = 4321_i32.to_ne_bytes().to_vec();
    body.extend([0; 3]);
    let error = protocol.read_request(1, &body).unwrap_err();
    assert_eq!(error.claimed_client(), Some(4321));
    assert_eq!(error.to_string(), "the body has 7 bytes, and the declared request has 16");
}

#[test]
fn each_kind_of_program_gets_an_answer_of_its_own_shape() {
    let both = "struct { long mtype; long id; int pid; char text[8]; }";
    let protocol = Protocol::from_plan(&plan(both, both)).unwrap();
    let mut lp64 = 5_i64.to_ne_bytes().to_vec();
    lp64.extend(1234_i32.to_ne_bytes());
    lp64.extend(b"abc\0\0\0\0\0");
    // Without the padding behind it, as its request.
    assert_eq!(answered(&protocol, &lp64, &text(b"xyz")).len(), 20);
    lp64.extend([0; 4]);
    assert_eq!(answered(&protocol, &lp64, &text(b"xyz")).len(), 24);
    let mut ilp32 = 5_i32.to_ne_bytes().to_vec();
    ilp32.extend(1234_i32.to_ne_bytes());
    ilp32.extend(b"abc\0\0\0\0\0");
    let answer = answered(&protocol, &ilp32, &text(b"xyz"));
    assert_eq!((answer.len(), &answer[..11]), (16, &[&ilp32[..8], b"xyz"].concat()[..]));
}

#[test]
fn where_a_request_does_not_tell_the_abi_its_answer_has_the_padding_that_both_have() {
    let answer_len = |request: &str, response: &str, len: usize| {
        let mut body = vec![0; len];
        body[..4].copy_from_slice(&1234_i32.to_ne_bytes());
        answered(&Protocol::from_plan(&plan(request, response)).unwrap(), &body, &Answer::default()).len()
    };
    let (either, cut) =
        ("struct { long t; int pid; float a, b; char op; }", "struct { long t; int pid; char text[9]; }");
    let result = "struct { long t; float value; }";
    assert_eq!(answer_len(either, result, 16), 4);
    assert_eq!(answer_len(cut, result, 10), 4);
    // The type is in it, so the length tells.
    assert_eq!([20, 24].map(|len| answer_len(either, result, len)), [4, 8]);
    // The double stands elsewhere for a 32-bit program, so that nothing can be right for both.
    let native = answer_len(either, "struct { long t; int n; double value; }", 16);
    assert_eq!(native, if Abi::NATIVE == Abi::Lp64 { 16 } else { 12 });
}

#[test]
fn answers_are_as_long_as_asked_for() {
    let both = "struct { long mtype; int pid; char text[100]; }";
    let mut body = 1234_i32.to_ne_bytes().to_vec();
    body.extend(b"abc\0");
    for (rule, len) in [(ResponseLength::Struct, 104), (ResponseLength::Text, 10), (ResponseLength::Request, 8)] {
        let plan = ProtocolPlan { response_length: rule, ..plan(both, both) };
        let answer = answered(&Protocol::from_plan(&plan).unwrap(), &body, &text(b"hello"));
        assert_eq!(answer.len(), len, "{rule:?}");
    }
    let open = "struct { long mtype; long pid; char text[]; }";
    let mut body = 1234_i64.to_ne_bytes().to_vec();
    body.extend(b"what?");
    let answer = answered(&Protocol::from_plan(&plan(open, open)).unwrap(), &body, &text(b"that!"));
    assert_eq!(answer, [&1234_i64.to_ne_bytes()[..], b"that!\0"].concat());
}

#[test]
fn fields_and_whole_bodies_are_checked_before_they_are_sent() {
    let both = "struct { long mtype; int pid; unsigned char small; char text[4]; }";
    let protocol = Protocol::from_plan(&plan(both, both)).unwrap();
    let mut body = 1234_i32.to_ne_bytes().to_vec();
    body.resize(12, 0);
    let form = protocol.read_request(1, &body).unwrap().form;
    let check = |name: &str, value: OwnedFieldValue| {
        let fields = [(name.to_owned(), value)];
        protocol.check_answer(form, &Answer { fields: &fields, ..Answer::default() }).map_err(|error| error.to_string())
    };
    assert_eq!(check("small", 255.into()), Ok(()));
    assert_eq!(check("small", 256.into()), Err("the field `small` cannot hold 256: it holds 0 to 255".to_owned()));
    assert_eq!(check("big", 1.into()), Err("there is no field `big`".to_owned()));
    let body = |len: usize| protocol.check_answer(form, &raw(&vec![1; len])).map_err(|error| error.to_string());
    assert_eq!([4, 5, 8, 9, 12, 13].map(|len| body(len).is_ok()), [false, true, true, true, true, false]);
    assert_eq!(body(4), Err("it has 4 bytes, and an answer to this client has 5 to 12".to_owned()));
}

fn raw(body: &[u8]) -> Answer<'_> {
    Answer { body: Some(body), ..Answer::default() }
}

#[test]
fn a_raw_answer_ends_with_the_struct_or_in_its_last_text_and_is_as_long_as_answers_are() {
    let both = "struct { long mtype; int pid; struct { short kind; char text[7]; } last; }";
    let mut body = 1234_i32.to_ne_bytes().to_vec();
    body.resize(9, 1);
    let answered_and_allowed = |response: &str, rule: ResponseLength, answer: &[u8]| {
        let mut plan = ProtocolPlan { response_length: rule, ..plan(both, response) };
        plan.response_text = Some(if response == both { "last.text" } else { "text" }.to_owned());
        let protocol = Protocol::from_plan(&plan).unwrap();
        let allowed = protocol.check_answer(protocol.read_request(1, &body).unwrap().form, &raw(answer)).is_ok();
        allowed.then(|| answered(&protocol, &body, &raw(answer)))
    };
    // The struct has 16 bytes, 14 without the padding at its end; its text stands from 6 to 13.
    let zeros = |filled: usize, len: usize| Some([vec![1; filled], vec![0; len - filled]].concat());
    let ones = |response: &str, rule, len: usize| answered_and_allowed(response, rule, &vec![1; len]);
    let (cut, whole) = ([6, 7, 13].map(|filled| zeros(filled, 16)), [14, 16].map(|len| zeros(len, len)));
    assert_eq!([6, 7, 13].map(|len| ones(both, ResponseLength::Struct, len)), cut);
    assert_eq!([14, 16].map(|len| ones(both, ResponseLength::Struct, len)), whole);
    assert_eq!(
        [6, 12, 13].map(|len| ones(both, ResponseLength::Text, len)),
        [zeros(6, 7), zeros(12, 13), zeros(13, 13)]
    );
    assert_eq!([6, 9, 13].map(|len| ones(both, ResponseLength::Request, len)), [zeros(6, 9), zeros(9, 9), zeros(9, 9)]);
    for rule in [ResponseLength::Struct, ResponseLength::Text, ResponseLength::Request] {
        assert_eq!([0, 5, 17].map(|len| ones(both, rule, len)), [None, None, None], "{rule:?}");
    }
    // What stands in a text is the handler's business, but where the text ends the answer.
    let open = "struct { long mtype; short kind; char text[]; }";
    assert_eq!(answered_and_allowed(open, ResponseLength::Struct, b"__a\0b"), Some(b"__a\0b".to_vec()));
    assert_eq!(answered_and_allowed(open, ResponseLength::Text, b"__a\0b"), Some(b"__a\0".to_vec()));
    assert_eq!(answered_and_allowed(open, ResponseLength::Text, b"__ab"), Some(b"__ab\0".to_vec()));
    assert_eq!(ones(open, ResponseLength::Struct, 1), None);
    let numbers = "struct { long mtype; char text[3]; int number; }";
    assert_eq!([3, 7, 8].map(|len| ones(numbers, ResponseLength::Struct, len)), [None, None, zeros(8, 8)]);
}

#[test]
fn an_answer_that_ends_with_a_text_is_no_longer_than_the_text_has_room() {
    let both = "struct { long mtype; int pid; char text[3]; int more; }";
    let plan = ProtocolPlan { response_length: ResponseLength::Text, ..plan(both, both) };
    let body = [&1234_i32.to_ne_bytes()[..], &[0; 8]].concat();
    let fields = [("text".to_owned(), "abc".into())];
    let answer = Answer { fields: &fields, ..Answer::default() };
    assert_eq!(answered(&Protocol::from_plan(&plan).unwrap(), &body, &answer)[4..], *b"abc");
}

#[test]
fn plans_that_make_no_sense_say_which_setting_is_wrong() {
    let both = "struct { long mtype; int op; char name[8]; float weight; }";
    let error = |change: &dyn Fn(&mut ProtocolPlan)| {
        let mut plan = plan(both, both);
        plan.client = Some(ClientRole::Field("op".to_owned()));
        change(&mut plan);
        Protocol::from_plan(&plan).map(|_| ()).map_err(|error| (error.setting, error.message))
    };
    assert_eq!(error(&|_| ()), Ok(()));
    let missing = "it is not said which field of the request names the client".to_owned();
    assert_eq!(error(&|plan| plan.client = None), Err(("client", missing)));
    let client = |name: &str| ClientRole::Field(name.to_owned());
    let weight = "the field `weight` is no whole number".to_owned();
    assert_eq!(error(&|plan| plan.client = Some(client("weight"))), Err(("client", weight.clone())));
    assert_eq!(error(&|plan| plan.status = Some("weight".to_owned())), Err(("status", weight)));
    let text = "the field `op` is no text: only an array of char is".to_owned();
    assert_eq!(error(&|plan| plan.response_text = Some("op".to_owned())), Err(("response_text", text)));
    let set = error(&|plan| plan.set = vec![("name".to_owned(), Setting::Integer(1))]);
    assert_eq!(set.map_err(|(setting, _)| setting), Err("set"));
}
