//! Apps and endpoints of the configuration: names, libraries, URLs and origins.
//! Not for: looking into the folder (`apps_dir`), taking URLs apart (`url`).

use std::collections::HashMap;
use std::path::PathBuf;

use super::checked::{absolute, folder, missing, required};
use super::front::word;
use super::parse::{Findings, Path};
use super::{App, Endpoint, EndpointUrl, Port, Surroundings, apps_dir, keys, raw, url};
use crate::host::pace::Threads;

/// The most apps that are served; each has a thread and a ring to and from every worker.
pub(super) const MAX_APPS: usize = 256;
/// What `threads` of an app may say.
pub(super) const THREADS: [(&str, Threads); 3] =
    [("auto", Threads::Auto), ("own", Threads::Own), ("any", Threads::Any)];
/// The longest name of an app, in bytes.
const MAX_NAME: usize = 64;

/// What makes a name fit for a log field, a thread name and a path.
pub(super) fn is_sane_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// The apps of the file, or of the folder when the file lists none.
pub(super) fn check(
    raw: Option<&[raw::App]>,
    ports: &[Port],
    findings: &mut Findings<'_>,
    around: &Surroundings,
) -> Vec<App> {
    let path = Path::root().key("apps");
    let Some(raw) = raw else {
        // Written with a wrong type, it was reported; the folder is not what was meant.
        return if findings.is_written(&path) { Vec::new() } else { from_folder(findings, around) };
    };
    let dir = around.apps_dir.display();
    if raw.is_empty() {
        let hint = format!("leave `apps` out to serve every app of {dir} at /NAME");
        findings.error(&path, "`apps` lists no app", &hint);
    }
    if raw.len() > MAX_APPS {
        findings.error(&path, format!("more than {MAX_APPS} apps"), "");
        return Vec::new();
    }
    let mut names = HashMap::new();
    let mut urls = Vec::new();
    let mut apps = Vec::new();
    for (at, app) in raw.iter().enumerate() {
        let path = path.index(at);
        let mut name = name(&path, app.name.as_deref(), findings);
        if let Some(first) = name.as_ref().and_then(|name| names.insert(name.clone(), at)) {
            let what = format!("the app apps[{first}] has the same name");
            findings.error(&path.key("name"), what, "give each app a name of its own");
            name = None;
        }
        let library = library(&path, app, findings, around);
        let threads = word(&path, "threads", app.threads.as_deref(), &THREADS, findings);
        let endpoints = endpoints(&path, app, name.as_deref(), ports, findings);
        for (at, endpoint) in endpoints.iter().enumerate() {
            refuse_overlap(&path.key("endpoints").index(at), &endpoint.url, &mut urls, findings);
        }
        if let (Some(name), Some(library)) = (name, library) {
            apps.push(App { name, path: library, threads, endpoints });
        }
    }
    apps
}

fn from_folder(findings: &mut Findings<'_>, around: &Surroundings) -> Vec<App> {
    let path = Path::root().key("apps");
    let dir = around.apps_dir.display();
    let found = match apps_dir::scan(&around.apps_dir) {
        Ok(found) => found,
        Err(error) => {
            let what = format!("cannot read the folder of apps {dir}: {error}");
            findings.error(&path, what, "name another with --apps, or list `apps` in the file");
            return Vec::new();
        }
    };
    for what in found.errors {
        findings.error(&path, what, "");
    }
    for what in found.warnings {
        findings.warn(&path, what, "");
    }
    if found.apps.is_empty() {
        let what = format!("no app (*.so) in {dir}: every request will be answered with 404");
        findings.warn(&path, what, "copy one there and reload the service");
    }
    let app = |(name, path): (String, PathBuf)| {
        let endpoints = vec![default_endpoint(&name)];
        App { name, path, threads: Threads::Auto, endpoints }
    };
    found.apps.into_iter().map(app).collect()
}

/// `/NAME` on every host and port, with the id 0.
fn default_endpoint(name: &str) -> Endpoint {
    Endpoint {
        endpoint_id: 0,
        url: EndpointUrl { authority: None, path: format!("/{name}"), encrypted: None },
        allowed_origins: Vec::new(),
        www_root: None,
    }
}

fn name(app: &Path, given: Option<&str>, findings: &mut Findings<'_>) -> Option<String> {
    let path = app.key("name");
    let Some(given) = given else {
        missing(&path, "name", "add \"name\": \"echo\"", findings);
        return None;
    };
    if is_sane_name(given) {
        return Some(given.to_owned());
    }
    let what = format!("{given:?} cannot be the name of an app");
    let hint = format!(
        "use 1 to {MAX_NAME} of the characters A-Z a-z 0-9 . _ - and begin with a letter or digit"
    );
    findings.error(&path, what, &hint);
    None
}

/// The app's library: as written, or the one of its name in the folder of apps.
fn library(
    app: &Path,
    raw: &raw::App,
    findings: &mut Findings<'_>,
    around: &Surroundings,
) -> Option<PathBuf> {
    let path = app.key("app_path");
    let dir = &around.apps_dir;
    let Some(given) = &raw.app_path else {
        if findings.is_written(&path) {
            return None;
        }
        let name = raw.name.as_deref().filter(|name| is_sane_name(name))?;
        let files = [format!("{name}.so"), format!("lib{name}.so")].map(|file| dir.join(file));
        let found = files.iter().find(|file| file.is_file()).cloned();
        if found.is_none() {
            let what = format!("`app_path` is missing, and {} has no {name}.so", dir.display());
            let hint = format!("add \"app_path\": \"{}\"", files[0].display());
            findings.error(&path, what, &hint);
        }
        return found;
    };
    let file = std::path::Path::new(given).file_name().unwrap_or_default();
    let example = dir.join(if file.is_empty() { "echo.so".as_ref() } else { file });
    let library = absolute(&path, given, &example.to_string_lossy(), findings)?;
    if !library.is_file() {
        // Only a warning: the other apps are to run even when this one cannot be loaded.
        let what = format!("there is no file {}: this app will not be served", library.display());
        findings.warn(&path, what, "install the app, or correct the path");
    }
    Some(library)
}

fn endpoints(
    app: &Path,
    raw: &raw::App,
    name: Option<&str>,
    ports: &[Port],
    findings: &mut Findings<'_>,
) -> Vec<Endpoint> {
    let path = app.key("endpoints");
    let Some(raw) = &raw.endpoints else {
        return match name {
            Some(name) if !findings.is_written(&path) => vec![default_endpoint(name)],
            _ => Vec::new(),
        };
    };
    if raw.is_empty() {
        let hint = "leave `endpoints` out to serve the app at /NAME";
        findings.error(&path, "`endpoints` lists no endpoint", hint);
    }
    let mut ids = HashMap::new();
    let mut endpoints = Vec::new();
    for (at, endpoint) in raw.iter().enumerate() {
        let path = path.index(at);
        let id = required(&path, endpoint.endpoint_id, keys::ENDPOINT_ID, 0, findings);
        if let Some(first) = id.and_then(|id| ids.insert(id, at)) {
            let what = format!("endpoints[{first}] of this app has the same `endpoint_id`");
            findings.error(&path.key("endpoint_id"), what, "give each endpoint an id of its own");
        }
        let url = endpoint_url(&path, endpoint.url.as_deref(), ports, findings);
        let given = endpoint.allowed_origins.as_deref();
        // Kept even when incomplete: the error is noted, and the indices must stay the file's.
        endpoints.push(Endpoint {
            endpoint_id: id.unwrap_or(0),
            url: url.unwrap_or(EndpointUrl {
                authority: None,
                path: String::new(),
                encrypted: None,
            }),
            allowed_origins: origins(&path.key("allowed_origins"), given, findings),
            www_root: folder(&path.key("www_root"), endpoint.www_root.as_deref(), findings),
        });
    }
    endpoints
}

fn endpoint_url(
    endpoint: &Path,
    given: Option<&str>,
    ports: &[Port],
    findings: &mut Findings<'_>,
) -> Option<EndpointUrl> {
    let path = endpoint.key("url");
    let Some(given) = given else {
        missing(&path, "url", "add \"url\": \"ws://example.com/echo\"", findings);
        return None;
    };
    let url = match url::endpoint(given) {
        Ok(url) => url,
        Err(bad) => {
            findings.error(&path, bad.what, &bad.instead);
            return None;
        }
    };
    if let Some((_, number)) = url.authority.as_ref().filter(|_| !ports.is_empty()) {
        let listed = ports.iter().position(|port| port.port_number == *number);
        refuse_port(&path, given, &url, *number, listed.map(|at| (at, &ports[at])), findings);
    }
    Some(url)
}

/// Complains about a URL whose port is not listed, or is, with the other scheme.
fn refuse_port(
    path: &Path,
    given: &str,
    url: &EndpointUrl,
    number: u16,
    listed: Option<(usize, &Port)>,
    findings: &mut Findings<'_>,
) {
    let is_encrypted = url.encrypted == Some(true);
    let Some((at, port)) = listed else {
        let what = format!("port {number} of this URL is not listed in `ports`");
        let plain = if is_encrypted { "" } else { ", \"is_unencrypted\": true" };
        let hint = format!("add {{ \"port_number\": {number}{plain} }} to `ports`");
        return findings.error(path, what, &hint);
    };
    let rest = given.split_once("://").map_or("", |(_, rest)| rest);
    match (is_encrypted, port.is_unencrypted) {
        (true, true) => {
            let what = format!("the URL is encrypted, and its port {number} is not: ports[{at}]");
            let hint = format!(
                "write ws://{rest}, also where a proxy in front does TLS; or take \"is_unencrypted\": \
                 true out of ports[{at}]"
            );
            findings.error(path, what, &hint);
        }
        (false, false) => {
            let what = format!("the URL is not encrypted, but its port {number} is: ports[{at}]");
            let hint = format!("write wss://{rest}, or \"is_unencrypted\": true in ports[{at}]");
            findings.error(path, what, &hint);
        }
        _ => {}
    }
}

fn origins(path: &Path, given: Option<&[String]>, findings: &mut Findings<'_>) -> Vec<String> {
    let Some(given) = given else { return Vec::new() };
    if given.is_empty() {
        let what = "an empty `allowed_origins` lets every origin in";
        findings.warn(path, what, "name the origins, or leave the key out");
    }
    let mut origins = Vec::new();
    for (at, text) in given.iter().enumerate() {
        let path = path.index(at);
        match url::origin(text) {
            Ok((origin, false)) => {
                if origin == "null" {
                    let what = "any page can take the origin null, so this lets every page in";
                    findings.warn(&path, what, "leave it out unless that is meant");
                }
                origins.push(origin);
            }
            Ok((origin, true)) => {
                let what = "an origin has no path: the part after the host is ignored";
                findings.warn(&path, what, &format!("write {origin:?}"));
                origins.push(origin);
            }
            Err(bad) => findings.error(&path, bad.what, &bad.instead),
        }
    }
    origins
}

/// Complains if a request could belong to this endpoint and to an earlier one.
fn refuse_overlap(
    path: &Path,
    url: &EndpointUrl,
    earlier: &mut Vec<(Path, EndpointUrl)>,
    findings: &mut Findings<'_>,
) {
    if url.path.is_empty() {
        return; // its URL was refused already
    }
    let meets = |other: &EndpointUrl| {
        let both = url.authority.as_ref().zip(other.authority.as_ref());
        let is_same_kind = url.encrypted == other.encrypted;
        url.path == other.path && both.is_none_or(|(one, two)| one == two && is_same_kind)
    };
    if let Some((first, _)) = earlier.iter().find(|(_, other)| meets(other)) {
        let what = format!("a request for this URL could also be for {first}");
        findings.error(&path.key("url"), what, "give each endpoint a path or a host of its own");
    }
    earlier.push((path.clone(), url.clone()));
}
