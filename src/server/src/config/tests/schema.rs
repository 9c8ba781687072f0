//! The JSON schema of the configuration, which is committed and installed: made here, from the types
//! that read the file, and held together with them.
//!
//! After a change of keys: `UPDATE_SCHEMA=1 cargo test -p ringsocket --lib schema`. It is made by tests
//! alone, so that the daemon carries nothing for it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::*;
use crate::config::{apps, certs, front, keys, ports, raw};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../packaging/ringsocket.schema.json");
const EXAMPLE: &str = include_str!("../../../../../packaging/ringsocket.json");
const WHERE: &str = "file:///usr/share/ringsocket/ringsocket.schema.json";

/// The schema as it should be.
fn made() -> Value {
    let mut schema = schemars::schema_for!(raw::Root).to_value();
    let defaults = defaults();
    let mut more =
        |key: &str, property: &mut Map<String, Value>| complete(key, property, &defaults);
    let definitions = schema["$defs"].as_object_mut().unwrap();
    for (title, definition) in definitions.iter_mut() {
        each_property(definition, &mut more);
        let obsolete = if title == "App" { OBSOLETE_OF_APPS.as_slice() } else { &[] };
        add_obsolete(definition, obsolete);
    }
    each_property(&mut schema, &mut more);
    add_obsolete(&mut schema, &OBSOLETE);
    let root = schema.as_object_mut().unwrap();
    root.insert("$id".into(), WHERE.into());
    root.insert("title".into(), "RingSocket".into());
    // What some editors take for leave to pass them over.
    root.insert("allowComments".into(), true.into());
    root.insert("allowTrailingCommas".into(), true.into());
    schema
}

/// Keys of the original that do nothing here.
const OBSOLETE: [&str; 3] = ["realloc_multiplier", "owrefs_elem_c", "update_queue_size"];
const OBSOLETE_OF_APPS: [&str; 4] = ["no_open_cb", "no_close_cb", "wbuf_size", "update_queue_size"];

fn add_obsolete(object: &mut Value, obsolete: &[&str]) {
    let properties = object["properties"].as_object_mut().unwrap();
    for key in obsolete {
        let why = format!("Does nothing here: {}.", keys::obsolete(key).unwrap());
        properties.insert((*key).to_owned(), json!({ "deprecated": true, "description": why }));
    }
}

fn each_property(object: &mut Value, more: &mut impl FnMut(&str, &mut Map<String, Value>)) {
    for (key, property) in object["properties"].as_object_mut().unwrap() {
        more(key, property.as_object_mut().unwrap());
    }
}

/// What the types do not say: null is refused, and ranges, words and defaults are checked elsewhere.
fn complete(key: &str, property: &mut Map<String, Value>, defaults: &BTreeMap<String, Value>) {
    if let Some(Value::String(description)) = property.get_mut("description") {
        *description = description.replace('\n', " ");
    }
    property.remove("format");
    property.remove("default");
    if let Some(Value::Array(types)) = property.get("type") {
        let kind = types[0].clone();
        property.insert("type".into(), kind);
    }
    if let Some((min, max)) = keys::range(key) {
        property.insert("minimum".into(), min.into());
        property.insert("maximum".into(), max.into());
    }
    let words = words(key);
    if let Some(first) = words.first() {
        property.insert("default".into(), (*first).into());
        property.insert("enum".into(), words.into());
    }
    if property.get("type") == Some(&"boolean".into()) {
        property.insert("default".into(), false.into());
    }
    if let Some(default) = defaults.get(key) {
        property.insert("default".into(), default.clone());
    }
}

/// What a key may say, the default first.
fn words(key: &str) -> Vec<&'static str> {
    fn names<T, const N: usize>(words: [(&'static str, T); N]) -> Vec<&'static str> {
        words.into_iter().map(|(word, _)| word).collect()
    }
    match key {
        "log_level" => log::Level::ALL.map(log::Level::name).into(),
        "threads" => names(apps::THREADS),
        "client_certs" => names(ports::CLIENT_CERTS),
        "record_layer" => names(certs::RECORD_LAYERS),
        "deflate_takeover" => names(front::TAKEOVER),
        "forwarded_header" => names(front::FORWARDED),
        _ => Vec::new(),
    }
}

/// The defaults as the shipped example has them in comments (`example.rs` holds them to the code), but
/// for those that follow something else, as their descriptions say; and the one of the examples of ports.
fn defaults() -> BTreeMap<String, Value> {
    let follows = ["worker_c", "max_ws_frame_chain_size", "max_conn_c_per_addr"];
    let read = |line: &str| {
        let (key, value) = line.trim().strip_prefix("//\"")?.split_once("\": ")?;
        let value = serde_json::from_str(value.strip_suffix(',')?).ok()?;
        (!follows.contains(&key)).then(|| (key.to_owned(), value))
    };
    let mut defaults: BTreeMap<String, Value> = EXAMPLE.lines().filter_map(read).collect();
    defaults.insert("unix_mode".into(), "0660".into());
    defaults
}

#[test]
fn the_committed_schema_is_that_of_the_code() {
    let made = made();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        let text = serde_json::to_string_pretty(&made).unwrap();
        std::fs::write(FILE, format!("{text}\n")).unwrap();
    }
    let committed = std::fs::read_to_string(FILE).unwrap();
    assert!(
        serde_json::from_str(&committed).ok() == Some(made),
        "run UPDATE_SCHEMA=1 cargo test -p ringsocket --lib schema"
    );
}

#[test]
fn every_key_is_in_it_with_what_it_means_and_no_other() {
    let schema = made();
    let titles = ["ports", "certs", "apps", "endpoints"];
    let mut objects = vec![(&raw::ROOT, &schema)];
    let mut seen = 0;
    while let Some((shape, object)) = objects.pop() {
        seen += 1;
        let properties = object["properties"].as_object().unwrap();
        let mut known: Vec<&str> = (shape.keys)().to_vec();
        known.sort_unstable();
        let mut found: Vec<&str> = properties.keys().map(String::as_str).collect();
        found.sort_unstable();
        assert_eq!(found, known, "{}", shape.title);
        assert_eq!(object["additionalProperties"], false, "{}", shape.title);
        for (key, property) in properties {
            assert!(property["description"].is_string(), "{key}: {property}");
            let has_types = property.get("type").or(property.get("anyOf")).is_some();
            let says_what = has_types || property["deprecated"] == true;
            assert!(says_what, "{key}: {property}");
        }
        for (key, below) in shape.children {
            assert!(titles.contains(key));
            let name = properties[*key]["items"]["$ref"].as_str().unwrap();
            let name = name.strip_prefix("#/$defs/").unwrap();
            objects.push((below, &schema["$defs"][name]));
        }
    }
    assert_eq!(seen, 5);
    assert!(EXAMPLE.contains(&format!("\"$schema\": \"{WHERE}\"")));
}

#[test]
fn ranges_words_and_defaults_are_what_the_daemon_takes() {
    let schema = made();
    let properties = schema["properties"].as_object().unwrap();
    let ruled = |key: &str, value: &Value| {
        let text = format!("{{ {ECHO}, {}: {value} }}", json!(key));
        said(&text).contains(&format!("`{key}` must be"))
    };
    let mut tried = 0;
    for (key, property) in properties {
        if let (Some(min), Some(max)) = (property["minimum"].as_u64(), property["maximum"].as_u64())
        {
            let wrong = [min.checked_sub(1).map(Value::from), Some((max + 1).into())];
            for value in wrong.into_iter().flatten() {
                assert!(ruled(key, &value), "{key}: {value}");
            }
            assert!(!ruled(key, &min.into()) && !ruled(key, &max.into()), "{key}");
            tried += 1;
        }
        for word in property["enum"].as_array().into_iter().flatten() {
            assert!(!ruled(key, word), "{key}: {word}");
        }
        if property.get("enum").is_some() {
            assert!(ruled(key, &"other".into()), "{key}");
            tried += 1;
        }
        if let Some(default) = property.get("default") {
            let with = accepted(&format!("{{ {ECHO}, {}: {default} }}", json!(key)));
            assert_eq!(with, accepted(&format!("{{ {ECHO} }}")), "{key}: {default}");
            tried += 1;
        }
    }
    assert!(tried > 70, "{tried}");
}
