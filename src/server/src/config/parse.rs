//! The text of a configuration file into its raw form, with every mistake of syntax, name and type
//! found on the way, each with its place in the text.
//! Not for: what the values mean (`checked` and `apps`), which report through [`Findings`] too.

use std::fmt;

use jsonc_parser::ast::{self, ObjectProp};
use jsonc_parser::common::{Range, Ranged};
use jsonc_parser::tokens::Token;
use jsonc_parser::{CollectOptions, ParseOptions, Scanner, parse_to_ast};
use serde_json::{Map, Number, Value};

use super::error::{Issue, Place, Report, Severity, nearest, shown};
use super::raw::{self, Shape};
use super::{MAX_FILE_SIZE, keys};

/// Where a value stands: `apps[0].endpoints[1].url`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Key(String),
    Index(usize),
}

impl Path {
    pub(super) fn root() -> Self {
        Path::default()
    }

    pub(super) fn key(&self, key: &str) -> Self {
        self.with(Step::Key(key.to_owned()))
    }

    pub(super) fn index(&self, index: usize) -> Self {
        self.with(Step::Index(index))
    }

    fn with(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Path(steps)
    }

    /// The innermost key, and the path that ends with it.
    fn innermost_key(&self) -> Option<(&str, Path)> {
        let at = self.0.iter().rposition(|step| matches!(step, Step::Key(_)))?;
        match &self.0[at] {
            Step::Key(key) => Some((key, Path(self.0[..=at].to_vec()))),
            Step::Index(_) => None,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if at == 0 => write!(f, "{key}")?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl From<&serde_path_to_error::Path> for Path {
    fn from(path: &serde_path_to_error::Path) -> Self {
        use serde_path_to_error::Segment;
        let step = |segment: &Segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Enum { .. } | Segment::Unknown => None,
        };
        Path(path.iter().map_while(step).collect())
    }
}

/// What was found so far, and the means to say where.
pub(super) struct Findings<'t> {
    text: &'t str,
    ast: Option<ast::Value<'t>>,
    pub(super) report: Report,
}

impl<'t> Findings<'t> {
    /// For a configuration without a file.
    pub(super) fn without_file(source: &str) -> Self {
        let report = Report { source: source.to_owned(), issues: Vec::new() };
        Findings { text: "", ast: None, report }
    }

    /// Reads `text`. What could not be used is left out of the result and reported; with errors
    /// reported the result is only good for finding more of them.
    pub(super) fn parse(source: &str, text: &'t str) -> (Self, raw::Root) {
        let mut findings = Findings { text, ..Findings::without_file(source) };
        if let Err((range, what)) = check_tokens(text) {
            let what = format!("this is not JSON: {what}");
            findings.push(Severity::Error, Some(range), what, Some(SYNTAX_HINT.into()));
            return (findings, raw::Root::default());
        }
        let ast = match parse_to_ast(text, &CollectOptions::default(), &SYNTAX) {
            Ok(parsed) => parsed.value,
            Err(error) => {
                let what = format!("this is not JSON: {}", lower_first(&error.kind().to_string()));
                findings.push(Severity::Error, Some(error.range()), what, Some(SYNTAX_HINT.into()));
                return (findings, raw::Root::default());
            }
        };
        let Some(ast) = ast else {
            let hint = "write at least {} to have the built-in defaults";
            findings.push(Severity::Error, None, "the file is empty".into(), Some(hint.into()));
            return (findings, raw::Root::default());
        };
        let value = findings.convert(&ast, Some(&raw::ROOT), &Path::root());
        findings.ast = Some(ast);
        let root = findings.read(value);
        (findings, root)
    }

    /// Reports an error about the value at `path`, or about the object that lacks it.
    pub(super) fn error(&mut self, path: &Path, what: impl Into<String>, instead: &str) {
        self.add(Severity::Error, path, what.into(), instead);
    }

    /// Reports a warning about the value at `path`.
    pub(super) fn warn(&mut self, path: &Path, what: impl Into<String>, instead: &str) {
        self.add(Severity::Warning, path, what.into(), instead);
    }

    fn add(&mut self, severity: Severity, path: &Path, what: String, instead: &str) {
        let range = self.locate(path);
        self.push(severity, range, what, (!instead.is_empty()).then(|| instead.to_owned()));
    }

    /// Whether what stands at `path` was complained about.
    pub(super) fn is_refused(&self, path: &Path) -> bool {
        let place = self.locate(path).map(|at| Place::of(self.text, at.start, at.end));
        let is_there = |issue: &Issue| issue.severity == Severity::Error && issue.place == place;
        self.is_written(path) && self.report.issues.iter().any(is_there)
    }

    /// Whether something stands at `path` in the file, usable or not.
    pub(super) fn is_written(&self, path: &Path) -> bool {
        self.ast.as_ref().is_some_and(|ast| find(ast, &path.0).is_some())
    }

    /// The bytes of the value at `path`; if nothing stands there, the opening brace or bracket of
    /// the closest value around it.
    fn locate(&self, path: &Path) -> Option<Range> {
        let ast = self.ast.as_ref()?;
        if let Some(value) = find(ast, &path.0) {
            return Some(value.range());
        }
        let around = (0..path.0.len()).rev().find_map(|len| find(ast, &path.0[..len]))?.range();
        Some(Range { start: around.start, end: around.start + 1 })
    }

    fn push(
        &mut self,
        severity: Severity,
        range: Option<Range>,
        what: String,
        instead: Option<String>,
    ) {
        let place = range.map(|range| Place::of(self.text, range.start, range.end));
        // Values of the file are quoted in both, and may hold anything.
        let (what, instead) = (shown(&what), instead.as_deref().map(shown));
        self.report.issues.push(Issue { severity, place, what, instead });
    }

    /// The same value for serde, without what is reported here: unknown, doubled and obsolete
    /// keys, and null.
    fn convert(&mut self, node: &ast::Value<'t>, shape: Option<&Shape>, path: &Path) -> Value {
        match node {
            ast::Value::StringLit(string) => Value::String(string.value.clone().into_owned()),
            ast::Value::NumberLit(number) => self.convert_number(number),
            ast::Value::BooleanLit(boolean) => Value::Bool(boolean.value),
            ast::Value::NullKeyword(_) => Value::Null,
            // serde would take an array for a struct, field by field: null is refused there.
            ast::Value::Array(_) if shape.is_some() => Value::Null,
            ast::Value::Array(array) => self.convert_array(array, None, path),
            ast::Value::Object(object) => {
                let mut map = Map::new();
                for property in &object.properties {
                    self.convert_property(property, shape, path, &mut map);
                }
                Value::Object(map)
            }
        }
    }

    fn convert_number(&mut self, number: &ast::NumberLit<'t>) -> Value {
        match number.value.parse::<Number>() {
            Ok(parsed) => Value::Number(parsed),
            Err(_) => {
                let what = format!("{} is no number that can be used here", number.value);
                self.push(Severity::Error, Some(number.range), what, None);
                Value::Number(0.into())
            }
        }
    }

    fn convert_property(
        &mut self,
        property: &ObjectProp<'t>,
        shape: Option<&Shape>,
        path: &Path,
        map: &mut Map<String, Value>,
    ) {
        let key = property.name.as_str();
        let name = Some(property.name.range());
        if let Some(shape) = shape {
            let known = (shape.keys)();
            if !known.contains(&key) {
                let what = format!("unknown key {key:?} in {}", shape.title);
                let hint = unknown_key_hint(key, shape);
                return self.push(Severity::Error, name, what, Some(hint));
            }
        }
        if map.contains_key(key) {
            let what = format!("`{key}` stands twice in the same object");
            return self.push(Severity::Error, name, what, Some("keep one of the two".into()));
        }
        if let Some(why) = keys::obsolete(key) {
            let what = format!("`{key}` does nothing here: {why}");
            return self.push(Severity::Warning, name, what, Some("leave it out".into()));
        }
        if matches!(property.value, ast::Value::NullKeyword(_)) {
            let what = format!("`{key}` must be {}, not null", keys::expected(key));
            let hint = Some("to have the default, leave the key out".into());
            return self.push(Severity::Error, Some(property.value.range()), what, hint);
        }
        let below = shape.and_then(|shape| {
            shape.children.iter().find(|(name, _)| *name == key).map(|(_, shape)| shape)
        });
        let path = path.key(key);
        let value = match &property.value {
            ast::Value::Array(array) => self.convert_array(array, below, &path),
            value => self.convert(value, None, &path),
        };
        map.insert(key.to_owned(), value);
    }

    fn convert_array(
        &mut self,
        array: &ast::Array<'t>,
        shape: Option<&Shape>,
        path: &Path,
    ) -> Value {
        let elements = array.elements.iter().enumerate();
        Value::Array(elements.map(|(at, el)| self.convert(el, shape, &path.index(at))).collect())
    }

    /// serde stops at the first value of a wrong type. To find them all, the key that holds it is
    /// struck out and the rest is read again; every round removes a key, so the rounds end.
    fn read(&mut self, mut value: Value) -> raw::Root {
        loop {
            // A clone per round: a configuration is small, and mostly there is one round.
            let error = match serde_path_to_error::deserialize(value.clone()) {
                Ok(root) => return root,
                Err(error) => error,
            };
            let path = Path::from(error.path());
            let innermost = path.innermost_key().map(|(key, at)| (key.to_owned(), at));
            let found = self.describe(&path);
            match innermost {
                Some((key, at)) if strike(&mut value, &at.0) => {
                    let expected = keys::expected(&key);
                    let what = match at == path {
                        true => format!("`{key}` must be {expected}, not {found}"),
                        false => format!("`{key}` must be {expected}; this element is {found}"),
                    };
                    self.error(&path, what, "");
                }
                _ => {
                    let what = format!("the file must hold one object, not {found}");
                    let hint = "write { \"apps\": [ ... ] }, or {} for the built-in defaults";
                    self.error(&Path::root(), what, hint);
                    self.ast = None; // nothing in it can be used
                    return raw::Root::default();
                }
            }
        }
    }

    /// What stands at `path`, in words.
    fn describe(&self, path: &Path) -> String {
        match self.ast.as_ref().and_then(|ast| find(ast, &path.0)) {
            Some(ast::Value::StringLit(string)) => format!("the string {:?}", string.value),
            Some(ast::Value::NumberLit(number)) => number.value.to_owned(),
            Some(ast::Value::BooleanLit(boolean)) => boolean.value.to_string(),
            Some(ast::Value::NullKeyword(_)) => "null".into(),
            Some(ast::Value::Array(_)) => "an array".into(),
            Some(ast::Value::Object(_)) => "an object".into(),
            None => "this".into(),
        }
    }
}

/// JSON as RFC 8259 has it, with comments (as the original's parser allowed) and trailing commas
/// (which moving lines about leaves behind); nothing looser.
const SYNTAX: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_trailing_commas: true,
    allow_loose_object_property_names: false,
};

/// Objects and arrays within each other. The deepest key has 5.
const DEPTH_MAX: usize = 32;

/// Refuses what the parser would let pass: a missing comma, and a depth that would exhaust the stack.
fn check_tokens(text: &str) -> Result<(), (Range, &'static str)> {
    let mut scanner = Scanner::new(text);
    // Where the last token ended, if it was a value or the end of one.
    let (mut depth, mut value_end) = (0usize, None);
    // The parser says what is wrong with a token that cannot be read.
    while let Ok(Some(token)) = scanner.scan() {
        let range = Range::new(scanner.token_start(), scanner.token_end());
        let (opens, closes) = match token {
            Token::CommentLine(_) | Token::CommentBlock(_) => continue,
            Token::OpenBrace | Token::OpenBracket => (true, false),
            Token::CloseBrace | Token::CloseBracket => (false, true),
            _ => (false, false),
        };
        let is_mark = matches!(token, Token::Comma | Token::Colon);
        if let (Some(end), false, false) = (value_end, is_mark, closes) {
            return Err((Range::new(end, end), "expected comma"));
        }
        depth = if closes { depth.saturating_sub(1) } else { depth + usize::from(opens) };
        if depth > DEPTH_MAX {
            return Err((range, "too many objects or arrays within each other"));
        }
        value_end = (!is_mark && !opens).then_some(range.end);
    }
    Ok(())
}

const SYNTAX_HINT: &str = "names and strings stand in double quotes, and a comma stands between \
                           the parts of an object or an array";

/// Bytes of a file as text.
pub(super) fn decode<'t>(source: &str, bytes: &'t [u8]) -> Result<&'t str, Report> {
    let refuse = |place, what: String, instead: Option<String>| Report {
        source: source.to_owned(),
        issues: vec![Issue { severity: Severity::Error, place, what, instead }],
    };
    if bytes.len() > MAX_FILE_SIZE {
        let what = format!("the file is larger than {MAX_FILE_SIZE} bytes");
        return Err(refuse(None, what, Some("is this really a configuration file?".into())));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let good = String::from_utf8_lossy(bytes);
        let at = error.valid_up_to();
        let what = "this byte is no UTF-8".to_owned();
        refuse(Some(Place::of(&good, at, at + 1)), what, Some("save the file as UTF-8".into()))
    })
}

/// The value at `path` below `value`.
fn find<'v, 't>(value: &'v ast::Value<'t>, path: &[Step]) -> Option<&'v ast::Value<'t>> {
    let mut value = value;
    for step in path {
        value = match (step, value) {
            (Step::Key(key), ast::Value::Object(object)) => &object.get(key)?.value,
            (Step::Index(index), ast::Value::Array(array)) => array.elements.get(*index)?,
            _ => return None,
        };
    }
    Some(value)
}

/// Removes the key at the end of `path`; whether it was there.
fn strike(value: &mut Value, path: &[Step]) -> bool {
    let Some((Step::Key(last), above)) = path.split_last() else { return false };
    let mut value = value;
    for step in above {
        let below = match step {
            Step::Key(key) => value.get_mut(key),
            Step::Index(index) => value.get_mut(index),
        };
        let Some(below) = below else { return false };
        value = below;
    }
    value.as_object_mut().is_some_and(|map| map.remove(last).is_some())
}

/// What to write instead of an unknown key: the nearest known one, wherever it belongs.
fn unknown_key_hint(key: &str, shape: &Shape) -> String {
    let live =
        |shape: &Shape| (shape.keys)().iter().copied().filter(|key| keys::obsolete(key).is_none());
    if let Some(near) = nearest(key, live(shape)) {
        return format!("did you mean `{near}`?");
    }
    if let Some(title) = home_of(key, &raw::ROOT) {
        return format!("`{key}` belongs in {title}");
    }
    let known: Vec<String> = live(shape).map(|key| format!("`{key}`")).collect();
    format!("known here: {}", known.join(", "))
}

/// The title of the object in which `key` is known.
fn home_of(key: &str, shape: &Shape) -> Option<&'static str> {
    if (shape.keys)().contains(&key) {
        return Some(shape.title);
    }
    shape.children.iter().find_map(|(_, below)| home_of(key, below))
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
