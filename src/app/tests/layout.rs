//! The C header and its Rust mirror agree: sizes, offsets, the C type of every field (function
//! signatures included) and the value of every constant, as asserted by gcc and clang, by each
//! standard that the header promises.
//!
//! The assertions are generated from the mirror, so a field that is missing in either of the two
//! shows as a size or an offset that differs.

use ringsocket_app::abi::{
    self, Accept, App, Bytes, ClientInfo, Conf, DataKind, Handle, Header, Host,
};
use ringsocket_app::abi::{Recipients, Refusal, Request, Rs, Tls, Upgrade};
use std::ffi::{c_char, c_int, c_void};
use std::fmt::Write as _;
use std::mem::{align_of, offset_of, size_of};
use std::path::{Path, PathBuf};
use std::process::Command;

/// How C spells the type.
trait Spelling {
    fn c() -> String;
}

macro_rules! spelling {
    ($($rust:ty = $c:literal),* $(,)?) => {
        $(impl Spelling for $rust { fn c() -> String { $c.into() } })*
    };
}

spelling! {
    () = "void", u8 = "uint8_t", u16 = "uint16_t", u32 = "uint32_t", u64 = "uint64_t",
    usize = "size_t", c_int = "int", c_char = "char", c_void = "void",
    DataKind = "enum rs_data_kind", Recipients = "enum rs_recipients", Rs = "rs_t",
    Handle = "rs_handle_t",
    Bytes = "struct rs_bytes", ClientInfo = "struct rs_client_info", Conf = "struct rs_conf",
    Header = "struct rs_header", Host = "struct rs_host", Request = "struct rs_request",
    App = "struct rs_app", Upgrade = "struct rs_upgrade", Accept = "struct rs_accept",
    Refusal = "struct rs_refusal", Tls = "struct rs_tls",
}

impl<T: Spelling> Spelling for *const T {
    fn c() -> String {
        format!("const {} *", T::c())
    }
}

impl<T: Spelling> Spelling for *mut T {
    fn c() -> String {
        format!("{} *", T::c())
    }
}

/// An array as a field; C compares it as the pointer that it decays to.
impl<T: Spelling, const N: usize> Spelling for [T; N] {
    fn c() -> String {
        format!("{} *", T::c())
    }
}

impl<F: Spelling> Spelling for Option<F> {
    fn c() -> String {
        F::c()
    }
}

macro_rules! function_spelling {
    ($($arg:ident)*) => {
        impl<R: Spelling, $($arg: Spelling),*> Spelling
            for unsafe extern "C" fn($($arg),*) -> R
        {
            fn c() -> String {
                format!("{} (*)({})", R::c(), [$($arg::c()),*].join(", "))
            }
        }
    };
}

function_spelling!(A);
function_spelling!(A B);
function_spelling!(A B C);
function_spelling!(A B C D);
function_spelling!(A B C D E);
function_spelling!(A B C D E F);
function_spelling!(A B C D E F G);
function_spelling!(A B C D E F G H);

/// Size and C type of the field that `_get` borrows.
fn field<T, F: Spelling>(_get: fn(&T) -> &F) -> (usize, String) {
    (size_of::<F>(), F::c())
}

fn assert_type(out: &mut String, rust: &str, size: usize, align: usize, c: &str) {
    writeln!(out, "ASSERT(sizeof({c}) == {size}, \"size of {rust}\");").unwrap();
    writeln!(out, "ASSERT(ALIGNOF({c}) == {align}, \"alignment of {rust}\");").unwrap();
}

macro_rules! assert_struct {
    ($out:ident, $rust:ident { $($field:ident),* $(,)? }) => {{
        let c = $rust::c();
        assert_type($out, stringify!($rust), size_of::<$rust>(), align_of::<$rust>(), &c);
        $(
            let name = stringify!($field);
            let offset = offset_of!($rust, $field);
            let (size, spelling) = field(|it: &$rust| &it.$field);
            writeln!($out, "ASSERT(offsetof({c}, {name}) == {offset}, \"offset of {c}.{name}\");")
                .unwrap();
            writeln!($out, "FIELD({c}, {name}, {size}, {spelling});").unwrap();
        )*
        // The pattern has no `..`: it names every field of the mirror.
        #[allow(dead_code, reason = "compiled, never called")]
        fn all_fields_named(it: $rust) { let $rust { $($field: _),* } = it; }
    }};
}

macro_rules! assert_constants {
    ($out:ident, $($c:ident = $rust:expr),* $(,)?) => {
        $(writeln!($out, "ASSERT({} == {}, \"value\");", stringify!($c), $rust).unwrap();)*
    };
}

fn assert_structs(out: &mut String) {
    assert_struct!(out, Rs { host });
    assert_struct!(out, Bytes { data, size });
    assert_struct!(out, Header { name, value });
    assert_struct!(out, Request { path, query, host, subprotocol, headers, header_c });
    assert_struct!(out, ClientInfo { endpoint_id, family, port, reserved, ip });
    assert_struct!(out, Conf { struct_size, worker_c, max_ws_msg_size, app_name, log_level });
    assert_struct!(
        out,
        App {
            abi_version,
            struct_size,
            built_with,
            init,
            open,
            read,
            close,
            timer,
            quit,
            subprotocols,
            subprotocol_c,
            flags,
            upgrade,
            drain,
            save,
            restore
        }
    );
    assert_struct!(
        out,
        Host {
            abi_version,
            struct_size,
            send,
            close,
            client_info,
            request,
            set_timer,
            get_conf,
            log,
            subscribe,
            unsubscribe,
            publish,
            accept,
            refuse,
            client_data,
            set_client_data,
            acquire,
            post,
            release,
            tls,
            write_state,
            is_resumed
        }
    );
    assert_struct!(
        out,
        Upgrade { struct_size, reserved, method, request, client, offered, offered_c, tls }
    );
    assert_struct!(
        out,
        Tls {
            struct_size,
            has_certificate,
            version,
            server_name,
            subject,
            alternative_names,
            alternative_name_c
        }
    );
    assert_struct!(
        out,
        Accept { struct_size, reserved, subprotocol, headers, header_c, data, free_data }
    );
    assert_struct!(out, Refusal { struct_size, status, headers, header_c, content_type, body });
    assert_type(out, "ClientId", size_of::<abi::ClientId>(), 8, "rs_client_id");
    assert_type(out, "DataKind", size_of::<DataKind>(), 4, "enum rs_data_kind");
    assert_type(out, "Recipients", size_of::<Recipients>(), 4, "enum rs_recipients");
}

fn assert_values(out: &mut String) {
    assert_constants!(
        out,
        RS_ABI_VERSION = abi::ABI_VERSION,
        RS_CB_OK = abi::CB_OK,
        RS_CB_FATAL = abi::CB_FATAL,
        RS_CB_REOPEN = abi::CB_REOPEN,
        RS_OK = abi::OK,
        RS_E_CLIENT = abi::E_CLIENT,
        RS_E_SIZE = abi::E_SIZE,
        RS_E_CODE = abi::E_CODE,
        RS_E_CALL = abi::E_CALL,
        RS_E_ARG = abi::E_ARG,
        RS_E_LIMIT = abi::E_LIMIT,
        RS_POSTED_MAX_C = abi::POSTED_MAX_C,
        RS_STATE_MAX_SIZE = abi::STATE_MAX_SIZE,
        RS_BIN = DataKind::BIN.0,
        RS_UTF8 = DataKind::UTF8.0,
        RS_TO_LISTED = Recipients::LISTED.0,
        RS_TO_ALL = Recipients::ALL.0,
        RS_TO_ALL_EXCEPT = Recipients::ALL_EXCEPT.0,
        RS_LEVEL_ERROR = abi::LEVEL_ERROR,
        RS_LEVEL_WARNING = abi::LEVEL_WARNING,
        RS_LEVEL_NOTICE = abi::LEVEL_NOTICE,
        RS_LEVEL_INFO = abi::LEVEL_INFO,
        RS_LEVEL_DEBUG = abi::LEVEL_DEBUG,
        RS_CLOSE_REASON_MAX_SIZE = abi::CLOSE_REASON_MAX_SIZE,
        RS_TOPIC_MAX_SIZE = abi::TOPIC_MAX_SIZE,
        RS_SUBPROTOCOL_MAX_C = abi::SUBPROTOCOL_MAX_C,
        RS_RESPONSE_HEADER_MAX_C = abi::RESPONSE_HEADER_MAX_C,
        RS_RESPONSE_HEADER_MAX_SIZE = abi::RESPONSE_HEADER_MAX_SIZE,
        RS_RESPONSE_BODY_MAX_SIZE = abi::RESPONSE_BODY_MAX_SIZE,
        RS_FAMILY_NONE = 0,
        RS_FAMILY_IPV4 = abi::FAMILY_IPV4,
        RS_FAMILY_IPV6 = abi::FAMILY_IPV6,
        RS_FAMILY_IPV4 = "AF_INET",
        RS_FAMILY_IPV6 = "AF_INET6",
        RS_LEVEL_ERROR = "LOG_ERR",
        RS_LEVEL_DEBUG = "LOG_DEBUG",
    );
}

const PROLOGUE: &str = r"
#include <ringsocket.h>
#include <sys/socket.h>
#include <syslog.h>
#ifdef __cplusplus
#include <type_traits>
#define ASSERT(...) static_assert(__VA_ARGS__)
#define ALIGNOF(type) alignof(type)
#define FIELD(whole, field, bytes, ...) \
    static_assert(sizeof(((whole *) 0)->field) == (bytes), #field); \
    static_assert(std::is_same< \
        std::decay<decltype(((whole *) 0)->field)>::type, __VA_ARGS__>::value, #field)
#else
#define ASSERT(...) _Static_assert(__VA_ARGS__)
#define ALIGNOF(type) _Alignof(type)
#define FIELD(whole, field, bytes, ...) \
    _Static_assert(sizeof(((whole *) 0)->field) == (bytes), #field); \
    _Static_assert(_Generic(((whole *) 0)->field, __VA_ARGS__: 1, default: 0), #field)
#endif
";

/// An app as the header's opening comment shows it, so that the compilers see one.
const EXAMPLE_APP: &str = r"
static int app_open(rs_t *rs, void *state, rs_client_id client)
{
    (void) state;
    struct rs_client_info info;
    return rs->host->client_info(rs, client, &info) == RS_OK ? RS_CB_OK : RS_CB_FATAL;
}

const struct rs_app ringsocket_app = {
    RS_ABI_VERSION, sizeof(struct rs_app), RS_BUILT_WITH,
    NULL, app_open, NULL, NULL, NULL, NULL, NULL, 0, RS_APP_ANY_THREAD, NULL, NULL,
    NULL, NULL
};
";

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Compiles `source` against the header into an object file and returns what the compiler said if
/// it refused.
fn compile(compiler: &str, name: &str, flags: &[&str], source: &str) -> Result<(), String> {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{compiler}-{name}"));
    std::fs::write(&path, source).unwrap();
    let output = Command::new(compiler)
        .args(flags)
        .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fpic", "-fvisibility=hidden"])
        .arg("-I")
        .arg(package().join("include"))
        .arg("-c")
        .arg(&path)
        .arg("-o")
        .arg(path.with_extension("o"))
        .output()
        .unwrap_or_else(|error| {
            panic!("cannot run {compiler}: {error} (apt-get install gcc g++ clang)")
        });
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{compiler} {flags:?}: {}", String::from_utf8_lossy(&output.stderr)))
    }
}

const C: [&str; 2] = ["gcc", "clang"];
const CPP: [&str; 2] = ["g++", "clang++"];

fn assertions() -> String {
    let mut source = PROLOGUE.to_owned();
    assert_structs(&mut source);
    assert_values(&mut source);
    source
}

#[test]
fn the_header_has_the_layout_of_its_mirror_in_c() {
    let source = assertions();
    for compiler in C {
        // Compilers of Debian 12 call C23 so.
        for standard in ["-std=c11", "-std=c17", "-std=c2x", "-std=gnu17"] {
            compile(compiler, &format!("layout{standard}.c"), &[standard], &source).unwrap();
        }
    }
}

#[test]
fn the_header_has_the_layout_of_its_mirror_in_cxx() {
    let source = assertions();
    for compiler in CPP {
        for standard in ["-std=c++11", "-std=c++17", "-std=c++20", "-std=c++2b"] {
            compile(compiler, &format!("layout{standard}.cpp"), &[standard], &source).unwrap();
        }
    }
}

/// Apps out there say that their table is this long, and are to be loaded for ever.
#[test]
fn the_table_of_the_first_release_had_two_numbers_a_text_and_six_callbacks() {
    assert_eq!(App::FIRST_SIZE, 2 * size_of::<u32>() + 7 * size_of::<usize>());
}

/// These have no size of their own: the server fills as much as it knows, so an app of before would be
/// written over.
#[test]
fn what_does_not_say_its_size_never_grows() {
    assert_eq!(size_of::<ClientInfo>(), 4 * size_of::<u16>() + 16);
    assert_eq!(size_of::<Request>(), 10 * size_of::<usize>());
}

/// The compilers do look: they take each of the first and refuse each of the second.
#[test]
fn a_wrong_assertion_is_refused() {
    let pairs = [
        (
            "ASSERT(sizeof(struct rs_conf) == 40, \"\");",
            "ASSERT(sizeof(struct rs_conf) == 39, \"\");",
        ),
        ("ASSERT(RS_E_ARG == -5, \"\");", "ASSERT(RS_E_ARG == 5, \"\");"),
        (
            "FIELD(struct rs_conf, worker_c, 4, uint32_t);",
            "FIELD(struct rs_conf, worker_c, 4, int32_t);",
        ),
        (
            "FIELD(struct rs_app, timer, 8, int (*)(rs_t *, void *));",
            "FIELD(struct rs_app, timer, 8, int (*)(rs_t *, uint64_t));",
        ),
    ];
    for (right, wrong) in pairs {
        for compiler in C.into_iter().chain(CPP) {
            let (name, standard) = match CPP.contains(&compiler) {
                true => ("pair.cpp", "-std=c++17"),
                false => ("pair.c", "-std=c17"),
            };
            let compile =
                |line| compile(compiler, name, &[standard], &format!("{PROLOGUE}{line}\n"));
            compile(right).unwrap();
            assert!(compile(wrong).is_err(), "{compiler} took: {wrong}");
        }
    }
}

#[test]
fn an_app_exports_its_table_even_with_hidden_visibility() {
    let sources = [(C[0], "app.c", "-std=c17"), (CPP[0], "app.cpp", "-std=c++11")];
    for (compiler, name, standard) in sources {
        let source = format!("#include <ringsocket.h>\n{EXAMPLE_APP}");
        compile(compiler, name, &[standard], &source).unwrap();
        let object = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{compiler}-{name}"));
        let object = std::fs::read(object.with_extension("o")).unwrap();
        let object = String::from_utf8_lossy(&object).into_owned();
        // Unmangled, between the NULs of the object's string table.
        assert!(object.contains(&format!("\0{}\0", abi::SYMBOL)), "no plain symbol in {name}");
    }
}
