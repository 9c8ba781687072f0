//! A log record, and how it reaches the journal or stderr.
//! Not for: queues and threads (the module above).

use std::fmt::{self, Write as _};
use std::io::Write;
use std::panic::Location;
use std::sync::OnceLock;

use libsystemd::logging::{self, Priority};

use super::{Fields, Level};

/// The longest text of one line, in bytes after escaping; an app or a peer must not fill the disk
/// with a single line.
const MAX_TEXT: usize = 4096;

/// One line with its fields, owned, so that it can cross to the log thread.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) level: Level,
    text: String,
    /// Name, value and the short name on stderr (empty: not shown there).
    fields: Vec<(&'static str, String, &'static str)>,
}

impl Record {
    pub(super) fn new(
        level: Level,
        about: Fields<'_>,
        text: fmt::Arguments<'_>,
        caller: &Location<'_>,
    ) -> Self {
        let mut escaped = Escaped::default();
        // Escaped itself never fails; a Display that does has said all it could.
        let _ = escaped.write_fmt(text);
        let mut record = Record { level, text: escaped.finish(), fields: Vec::new() };
        let mut add = |name, value: Option<String>, short| {
            if let Some(value) = value {
                record.fields.push((name, value, short));
            }
        };
        add("MESSAGE_ID", about.id.map(|id| id.to_string()), "");
        add("RINGSOCKET_APP", about.app.map(escape), "app");
        add("RINGSOCKET_WORKER", about.worker.map(|worker| worker.to_string()), "worker");
        add("RINGSOCKET_CLIENT", about.client.map(|client| format!("{client:016x}")), "client");
        add("RINGSOCKET_PEER", about.peer.map(escape_display), "peer");
        match about.code {
            Some(code) => {
                add("CODE_FILE", Some(escape(code.file)), "");
                add("CODE_LINE", Some(code.line.to_string()), "");
                add("CODE_FUNC", Some(escape(code.func)).filter(|func| !func.is_empty()), "");
            }
            None => {
                add("CODE_FILE", Some(caller.file().to_owned()), "");
                add("CODE_LINE", Some(caller.line().to_string()), "");
            }
        }
        record
    }

    /// `text [app=echo worker=1]`, without a line feed.
    fn plain(&self) -> String {
        let shown = self.fields.iter().filter(|(_, _, short)| !short.is_empty());
        let shown: Vec<String> =
            shown.map(|(_, value, short)| format!("{short}={value}")).collect();
        match shown.is_empty() {
            true => self.text.clone(),
            false => format!("{} [{}]", self.text, shown.join(" ")),
        }
    }
}

/// Where lines go.
pub(super) enum Writer {
    /// To journald, with fields.
    Journal,
    /// To a stream, as `level: text [app=.. worker=.. client=.. peer=..]`.
    Plain(Box<dyn Write + Send>),
}

impl Writer {
    /// The journal if stderr is connected to it (`JOURNAL_STREAM`), else stderr. The environment is
    /// looked at once.
    pub(super) fn detect() -> Self {
        static IS_JOURNAL: OnceLock<bool> = OnceLock::new();
        match IS_JOURNAL.get_or_init(logging::connected_to_journal) {
            true => Writer::Journal,
            false => Writer::stderr(),
        }
    }

    pub(super) fn stderr() -> Self {
        Writer::Plain(Box::new(std::io::stderr()))
    }

    /// Writes one line. There is nobody to tell when that fails.
    pub(super) fn write(&mut self, record: &Record) {
        match self {
            Writer::Journal => {
                let fields = record.fields.iter().map(|(name, value, _)| (name, value));
                let sent = logging::journal_send(priority(record.level), &record.text, fields);
                if sent.is_err() {
                    // stderr leads to the journal as well, where <N> is understood as the
                    // priority: sd-daemon(3).
                    let line = format!("<{}>{}\n", record.level as u8, record.plain());
                    let _ = std::io::stderr().write_all(line.as_bytes());
                }
            }
            Writer::Plain(stream) => {
                // One write per line, so that lines of several threads do not mix.
                let line = format!("{}: {}\n", record.level.name(), record.plain());
                let _ = stream.write_all(line.as_bytes());
                let _ = stream.flush();
            }
        }
    }
}

fn priority(level: Level) -> Priority {
    match level {
        Level::Error => Priority::Error,
        Level::Warning => Priority::Warning,
        Level::Notice => Priority::Notice,
        Level::Info => Priority::Info,
        Level::Debug => Priority::Debug,
    }
}

/// Text without control characters, so that nobody can forge a line or steer a terminal, and of
/// bounded length.
#[derive(Debug, Default)]
struct Escaped {
    text: String,
    /// Bytes that found no room.
    cut: usize,
}

impl Escaped {
    fn finish(mut self) -> String {
        if self.cut > 0 {
            let _ = write!(self.text, "... ({} bytes more)", self.cut);
        }
        self.text
    }
}

impl fmt::Write for Escaped {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.cut > 0 || self.text.len() >= MAX_TEXT {
                self.cut += c.len_utf8();
            } else if is_harmless(c) {
                self.text.push(c);
            } else {
                self.text.extend(c.escape_default());
            }
        }
        Ok(())
    }
}

fn escape(text: &str) -> String {
    escape_display(&text)
}

fn escape_display(value: &dyn fmt::Display) -> String {
    let mut escaped = Escaped::default();
    let _ = write!(escaped, "{value}");
    escaped.finish()
}

/// Neither a control character, nor a line or paragraph separator, nor one that turns the
/// direction of the text around.
fn is_harmless(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{061c}')
        && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Code;
    use std::net::SocketAddr;

    fn record(fields: Fields<'_>, text: fmt::Arguments<'_>) -> Record {
        Record::new(Level::Warning, fields, text, Location::caller())
    }

    fn field<'r>(record: &'r Record, name: &str) -> Option<&'r str> {
        record.fields.iter().find(|field| field.0 == name).map(|field| field.1.as_str())
    }

    #[test]
    fn a_plain_line_shows_the_fields_that_are_there() {
        let peer: SocketAddr = "[2001:db8::1]:99".parse().unwrap();
        let fields = Fields {
            app: Some("echo"),
            worker: Some(3),
            client: Some(0x10_0000_0002),
            peer: Some(&peer),
            ..Fields::default()
        };
        assert_eq!(
            record(fields, format_args!("gone")).plain(),
            "gone [app=echo worker=3 client=0000001000000002 peer=[2001:db8::1]:99]"
        );
        assert_eq!(record(Fields::default(), format_args!("a {}", 1)).plain(), "a 1");
    }

    #[test]
    fn what_kind_of_line_it_is_is_for_the_journal_alone() {
        let fields = Fields { id: Some(crate::log::id::STOPPED), ..Fields::default() };
        let record = record(fields, format_args!("stopped"));
        let id = field(&record, "MESSAGE_ID").expect("it has one");
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        assert_eq!(record.plain(), "stopped");
    }

    #[test]
    fn nobody_forges_a_line_or_steers_a_terminal() {
        let hostile = "x\nerror: forged\r\u{1b}[2J\u{0}\u{9b}\u{2028}\u{202e}ü\u{7f}";
        let expected = "x\\nerror: forged\\r\\u{1b}[2J\\u{0}\\u{9b}\\u{2028}\\u{202e}ü\\u{7f}";
        let fields = Fields { app: Some(hostile), ..Fields::default() };
        let record = record(fields, format_args!("{hostile}"));
        assert_eq!(record.text, expected);
        assert_eq!(field(&record, "RINGSOCKET_APP"), Some(expected));
    }

    #[test]
    fn a_text_is_cut_and_says_by_how_much() {
        let record = record(Fields::default(), format_args!("{}é", "x".repeat(MAX_TEXT + 10)));
        assert_eq!(record.text.len(), MAX_TEXT + "... (12 bytes more)".len());
        assert!(record.text.ends_with("x... (12 bytes more)"));
    }

    #[test]
    fn the_place_is_the_apps_if_it_named_one_and_else_the_callers() {
        let here = record(Fields::default(), format_args!(""));
        assert_eq!(field(&here, "CODE_FILE"), Some(file!()));
        assert_eq!(field(&here, "CODE_FUNC"), None);
        let code = Some(Code { file: "echo.c", line: 7, func: "on_read" });
        let apps = record(Fields { code, ..Fields::default() }, format_args!(""));
        assert_eq!(field(&apps, "CODE_FILE"), Some("echo.c"));
        assert_eq!(field(&apps, "CODE_LINE"), Some("7"));
        assert_eq!(field(&apps, "CODE_FUNC"), Some("on_read"));
    }
}
