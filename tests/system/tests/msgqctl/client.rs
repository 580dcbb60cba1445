//! `client`: the printed programs, compiled or run as they are, ask the real daemon.

use super::*;
use msgqd_system_tests::{compile_program, examples_dir, has_32_bit_compiler, sources_dir};

/// Each language with the name of the file that is an example in the documentation.
const LANGUAGES: [(&str, &str); 4] =
    [("c", "client.c"), ("perl", "client.pl"), ("python", "client.py"), ("php", "client.php")];

fn printed(config: &str, language: &str) -> String {
    let mut command = Command::new(msgqd_system_tests::msgqctl());
    let finished = Process::run(command.args(["--config", config, "client", language])).succeeded();
    assert_eq!(finished.stderr, "");
    finished.stdout
}

#[test]
fn the_examples_of_the_documentation_are_the_clients_of_the_default_protocol() {
    for (language, file) in LANGUAGES {
        let (program, example) = (printed("/dev/null", language), examples_dir().join(file));
        if std::env::var_os("MSGQD_WRITE_SNAPSHOTS").is_some() {
            std::fs::write(&example, &program).unwrap();
        }
        let is_same = std::fs::read_to_string(&example).unwrap() == program;
        assert!(is_same, "{} is another program: MSGQD_WRITE_SNAPSHOTS=1 writes it anew", example.display());
    }
}

/// The clients for one daemon, in each language that this machine has.
struct PrintedClients {
    daemon: Daemon,
    programs: Vec<Vec<String>>,
    _directory: TempDir,
}

impl PrintedClients {
    /// Those for a daemon with these lines in tables of its configuration.
    fn start(settings: &[(&'static str, &str)]) -> Self {
        let builder = DaemonBuilder::new().set("service", "outbox_capacity = 200");
        let key = format!("key = {}", builder.key().raw());
        let builder = builder.set("queue", &key);
        let daemon = settings.iter().fold(builder, |builder, (table, line)| builder.set(table, line)).start();
        let directory = tempfile::tempdir().unwrap();
        let config = daemon.builder().write_config();
        let mut programs = Vec::new();
        for (language, file) in LANGUAGES {
            let source = directory.path().join(file);
            std::fs::write(&source, printed(config.to_str().unwrap(), language)).unwrap();
            let source = source.to_str().unwrap().to_owned();
            match language {
                "c" => programs.extend(compiled(&source)),
                "python" => programs.push(vec!["python3".to_owned(), source]),
                interpreter => programs.push(vec![interpreter.to_owned(), source]),
            }
        }
        programs.retain(|words| runs(&words[0]));
        Self { daemon, programs, _directory: directory }
    }

    /// Each client asks with these arguments.
    fn ask(&self, arguments: &[&str]) -> Vec<(String, Finished)> {
        let run = |words: &Vec<String>| {
            let finished = Process::run(Command::new(&words[0]).args(&words[1..]).args(arguments));
            (words.join(" "), finished)
        };
        self.programs.iter().map(run).collect()
    }

    #[track_caller]
    fn all_print(&self, arguments: &[&str], expected: &str) {
        for (name, finished) in self.ask(arguments) {
            assert_eq!((finished.code(), finished.stdout.as_str()), (0, expected), "{name}: {finished:?}");
        }
    }

    #[track_caller]
    fn all_refuse(&self, arguments: &[&str], reason: &str) {
        for (name, finished) in self.ask(arguments) {
            assert_eq!((finished.code(), finished.stdout.as_str()), (2, ""), "{name}: {finished:?}");
            assert!(finished.stderr.contains(reason), "{name}: {finished:?}");
        }
    }
}

/// For 64 bits, and for 32 where such programs can be made and run. No warning is let through.
fn compiled(source: &str) -> Vec<Vec<String>> {
    let mut widths = vec!["-m64"];
    if has_32_bit_compiler() {
        widths.push("-m32");
    } else {
        eprintln!("no 32-bit clients: `cc -m32` does not make programs that run here (Debian: gcc-multilib)");
    }
    let compile = |width: &&str| {
        let program = format!("{source}{width}");
        compile_program(source.as_ref(), program.as_ref(), &["-std=c99", "-Wpedantic", width]).unwrap();
        vec![program]
    };
    widths.iter().map(compile).collect()
}

fn runs(program: &str) -> bool {
    let runs = program.starts_with('/')
        || Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if !runs {
        eprintln!("not run: there is no {program}");
    }
    runs
}

const WORKER_IN_PYTHON: [(&str, &str); 2] = [("handler", "kind = 'worker'"), ("handler", "pass = 'json'")];

fn worker(name: &str) -> String {
    let script = sources_dir().join("declared/worker.py");
    format!("command = ['/usr/bin/python3', '{}', '{name}']", script.display())
}

#[test]
fn printed_clients_send_an_array_of_doubles_and_get_their_sum() {
    let command = worker("doubles");
    let protocol = [
        ("protocol", "request = 'struct matrix { long mtype; int m, n; pid_t pid; double cells[100]; };'"),
        ("protocol", "response = 'struct sum { long mtype; double value; };'"),
        ("handler", command.as_str()),
    ];
    let clients = PrintedClients::start(&[&protocol[..], &WORKER_IN_PYTHON].concat());
    clients.all_print(&["m=2", "n=2", "cells[0]=1.5", "cells[3]=0.1", "cells[4]=100"], "value=1.6\n");
    clients.all_refuse(&["cells[100]=1"], "cells[100]: there is no such field");
    clients.all_refuse(&["pid=1"], "pid: this program fills it in");
    clients.all_refuse(&["m=2147483648"], "m: it cannot hold");
    clients.all_refuse(&["m"], "names: m n pid cells[N]\n");
    // Key 0 would make a queue.
    clients.all_refuse(&["-k", "0", "m=1"], "usage: ");
    clients.all_refuse(&["-k", "0x100000000", "m=1"], "usage: ");
    clients.all_refuse(&["-k", "x", "m=1"], "usage: ");
}

#[test]
fn printed_clients_write_their_number_as_a_word_of_the_text() {
    let clients = PrintedClients::start(&[
        ("protocol", "request = 'struct { long mtype; char text[64]; }'"),
        ("protocol", "client = { field = 'text', as = 'decimal', word = 1 }"),
        ("protocol", "response_length = 'text'"),
        ("handler", "kind = 'exec'"),
        ("handler", "command = ['sh', '-c', 'read -r word pid rest; echo $word $rest']"),
    ]);
    clients.all_print(&["text=upper a  few\twords"], "text=upper a few words\n");
    clients.all_print(&["text=upper"], "text=upper\n");
    clients.all_refuse(&[], "too few words in front of the client's number");
    clients.all_refuse(&[&format!("text={}", "x".repeat(65))], "the text has 65 bytes; there is room for 64");
}

#[test]
fn printed_clients_have_packed_structs() {
    let declaration = "request = '''
struct record { char name[21]; uint8_t kind; double amount; } __attribute__((packed));
struct message {
    long mtype;
    uint32_t magic;
    int32_t pid;
    uint16_t serial;
    struct record record;
} __attribute__((packed));'''";
    let command = worker("packed");
    let settings = [("protocol", declaration), ("protocol", "client = 'pid'"), ("handler", command.as_str())];
    let clients = PrintedClients::start(&[&settings[..], &WORKER_IN_PYTHON].concat());
    let arguments =
        ["magic=0xfeedbeef", "serial=65535", "record.name=account 7", "record.kind=7", "record.amount=0.125"];
    for (name, finished) in clients.ask(&arguments) {
        let lines: Vec<&str> = finished.stdout.lines().filter(|line| !line.starts_with("pid=")).collect();
        let expected =
            ["magic=4276993775", "serial=65535", "record.name=account 7", "record.kind=7", "record.amount=0.25"];
        assert_eq!((finished.code(), &lines[..]), (0, &expected[..]), "{name}: {finished:?}");
    }
}

/// All kinds of numbers and texts, at places where a program for 32 bits has others.
const EVERYTHING: &str = "request = '''
struct item { char c; _Bool b; uint8_t u8; int8_t i8; uint16_t u16; int16_t i16; uint32_t u32; int32_t i32; uint64_t u64;
              int64_t i64; float f; double d; };
struct message {
    long type;
    char first;
    struct item item[2];
    unsigned long ul;
    long l[2][3];
    union { int i; char t[5]; } u;
    char lines[2][8];
    struct { uint16_t print; pid_t exit; } __attribute__((packed)) class;
    int errno, si_pid, mtype;
    int status;
    char end[];
};'''";

#[test]
fn printed_clients_have_every_kind_of_field_and_types_of_their_own() {
    let clients = PrintedClients::start(&[
        ("protocol", EVERYTHING),
        ("protocol", "client = 'class.exit'"),
        ("protocol", "status = 'status'"),
        ("protocol", "request_types = [1, '4..=6']"),
        ("protocol", "response_type = { base = 100000000 }"),
        ("protocol", "response_length = 'request'"),
        ("handler", "kind = 'exec'"),
        ("handler", "command = ['cat']"),
        ("handler", "pass = 'body'"),
    ]);
    let fields = [
        "item[0].c=-3",
        "item[0].b=1",
        "item[0].u8=255",
        "item[0].i8=-128",
        "item[0].u16=65535",
        "item[0].i16=-32768",
        "item[0].u32=4294967295",
        "item[0].i32=-2147483648",
        "item[0].u64=18446744073709551615",
        "item[0].i64=-9223372036854775808",
        "item[1].f=0.1",
        "item[1].d=3.141592653589793",
        "ul=4000000000",
        "l[1][2]=-5",
        "u.t=abc",
        "lines[0]=12345678",
        "lines[1]=hëllo",
        "class.print=9",
        "errno=11",
        "si_pid=12",
        "mtype=13",
        "end=the = end",
    ];
    for (name, finished) in clients.ask(&[&["-m", "5", "-t", "20"][..], &fields].concat()) {
        assert_eq!(finished.code(), 0, "{name}: {finished:?}");
        let lines: Vec<&str> = finished.stdout.lines().collect();
        let lost: Vec<_> = fields.iter().filter(|field| !lines.contains(field)).collect();
        assert!(lost.is_empty() && lines.len() == 43, "{name}: {lost:?} of {} {finished:?}", lines.len());
    }
    for (name, finished) in clients.ask(&["status=7"]) {
        assert!(finished.code() == 1 && finished.stdout.contains("\nstatus=7\n"), "{name}: {finished:?}");
    }
    for beyond in
        ["item[0].u8=256", "item[0].u64=-1", "item[0].u64=18446744073709551616", "item[1].i64=9223372036854775808"]
    {
        clients.all_refuse(&[beyond], "it cannot hold");
    }
    clients.all_refuse(&["-m", "2"], "usage: ");
}

#[test]
fn printed_clients_of_the_plain_protocol_know_its_types_and_have_a_time_limit() {
    let clients = PrintedClients::start(&[
        ("protocol", "preset = 'echo-pid'"),
        ("protocol", "request_types = [1, 7]"),
        ("protocol", "response_type = { base = 1000 }"),
    ]);
    clients.all_print(&["hello"], "Processed: hello\n");
    clients.all_print(&["-m", "7", "--", "-hello"], "Processed: -hello\n");
    clients.all_refuse(&["-m", "6", "hello"], "usage: ");
    clients.all_refuse(&["-k", "0", "hello"], "usage: ");
    clients.all_refuse(&["-k", "0x100000000", "hello"], "usage: ");
    clients.all_refuse(&["-k", "x", "hello"], "usage: ");
    let PrintedClients { daemon, programs, _directory } = clients;
    let queue = daemon.queue();
    let killed = daemon.crash();
    for words in &programs {
        let finished = Process::run(Command::new(&words[0]).args(&words[1..]).args(["-t", "1", "hello"]));
        assert!(finished.code() == 2 && finished.stderr.contains("no answer in time"), "{words:?} {finished:?}");
    }
    // Whoever has gone is not answered, and whoever asks then gets the own answer.
    assert_eq!(queue.stat().unwrap().messages, programs.len() as u64);
    let daemon = killed.start();
    let clients = PrintedClients { daemon, programs, _directory };
    clients.all_print(&["again"], "Processed: again\n");
    clients.daemon.stop();
}

#[test]
fn printed_clients_without_a_process_behind_them_take_a_number_by_chance() {
    let clients = PrintedClients::start(&[
        ("protocol", "request = 'struct { long mtype; uint16_t id; char text[]; }'"),
        ("protocol", "client = 'id'"),
        ("protocol", "client_is = 'number'"),
        ("protocol", "request_types = [1, 65530]"),
    ]);
    for (name, finished) in clients.ask(&["text=hello"]) {
        let lines: Vec<&str> = finished.stdout.lines().collect();
        let number = lines[0].strip_prefix("id=").unwrap().parse::<u16>().unwrap();
        assert!(number > 65530 && lines[1..] == ["text=Processed: hello"], "{name}: {finished:?}");
    }
    let plain = PrintedClients::start(&[("protocol", "client_is = 'number'")]);
    plain.all_print(&["hello"], "Processed: hello\n");
}

#[test]
fn a_struct_that_no_program_can_list_is_refused() {
    let builder = DaemonBuilder::new().set(
        "protocol",
        "request = 'struct item { int a; }; struct { long mtype; pid_t pid; struct item item[4000]; }'",
    );
    let key = format!("key = {}", builder.key().raw());
    let builder = builder.set("queue", &key);
    let config = builder.write_config();
    let refused = ends_with(OTHER, builder.key(), &["--config", config.to_str().unwrap(), "client", "c"]);
    assert!(refused.stderr.contains("the struct has 4001 fields"), "{refused:?}");
}

#[test]
fn a_configuration_that_cannot_be_used_gives_no_client_and_without_one_it_is_said_that_the_protocol_is_a_guess() {
    let directory = tempfile::tempdir().unwrap();
    let broken = directory.path().join("broken.toml");
    std::fs::write(&broken, "[protocol]\nrequest = 'struct {'\n").unwrap();
    let key = ScratchKey::new();
    let refused = ends_with(OTHER, key.key(), &["--config", broken.to_str().unwrap(), "client", "c"]);
    assert!(refused.stderr.contains("broken.toml:2:19") && refused.stdout.is_empty(), "{refused:?}");
    let plain = run(key.key(), &["client", "perl"]);
    assert!(plain.code() == OK && plain.stderr.contains("the plain one"), "{plain:?}");
}
