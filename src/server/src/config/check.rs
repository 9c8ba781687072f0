//! `ringsocket check`: a configuration's errors and warnings, or a summary of what it serves.
//! Not for: finding them (see the module above).

use std::fmt::Write;

use super::error::Severity;
use super::{Config, Endpoint, Loaded, Source, Surroundings, load};
use crate::www;

/// Exit status of a usable configuration.
const EX_OK: u8 = 0;
/// Exit status of the process when its configuration or its sockets cannot be used (sysexits.h).
pub const EX_CONFIG: u8 = 78;

/// What `ringsocket check` prints, and its exit status: 0, or 78 (`EX_CONFIG`).
///
/// Pages are read too, since the daemon would refuse to start over them.
pub fn check(source: &Source, around: &Surroundings) -> (String, u8) {
    match load(source, around) {
        Ok(loaded) => summary(&loaded),
        Err(report) => {
            let mut text = report.to_string();
            let errors = report.count(Severity::Error);
            let _ = writeln!(text, "{}: {}", report.source, counted(errors, "error"));
            (text, EX_CONFIG)
        }
    }
}

fn summary(loaded: &Loaded) -> (String, u8) {
    let Loaded { config, warnings } = loaded;
    let mut text = warnings.to_string();
    let source = &warnings.source;
    let mut errors = 0;
    for folder in config.www_roots() {
        match www::Pages::load(folder) {
            Ok((_, warnings)) => {
                for warning in warnings {
                    let _ = writeln!(text, "{source}: warning: {warning}");
                }
            }
            Err(error) => {
                errors += 1;
                let _ = writeln!(text, "{source}: error: {error}");
            }
        }
    }
    if errors > 0 {
        let _ = writeln!(text, "{source}: {}", counted(errors, "error"));
        return (text, EX_CONFIG);
    }
    let _ = writeln!(text, "{source}: ok");
    describe(config, &mut text);
    (text, EX_OK)
}

fn describe(config: &Config, text: &mut String) {
    for app in &config.apps {
        let _ = writeln!(text, "  app {} ({})", app.name, app.path.display());
        for endpoint in &app.endpoints {
            let _ = writeln!(text, "    {}", endpoint_line(endpoint));
        }
    }
    let ports: Vec<String> =
        config.ports.iter().map(|port| format!("{} (ws)", port.port_number)).collect();
    let ports = match ports.is_empty() {
        true => "every socket that systemd passes (ws)".to_owned(),
        false => ports.join(", "),
    };
    let fd_alloc_c = config.limits.fd_alloc_c;
    let nofile = config.fds_needed();
    let _ = writeln!(text, "  ports: {ports}");
    let _ = writeln!(text, "  workers: {}", config.worker_c);
    let _ = writeln!(text, "  connections: {fd_alloc_c} (takes LimitNOFILE={nofile})");
}

fn endpoint_line(endpoint: &Endpoint) -> String {
    let url = &endpoint.url;
    let mut line = match &url.authority {
        Some((host, 80)) => format!("ws://{host}{}", url.path),
        Some((host, port)) => format!("ws://{host}:{port}{}", url.path),
        None => format!("{} on every host", url.path),
    };
    let _ = write!(line, ", id {}", endpoint.endpoint_id);
    if !endpoint.allowed_origins.is_empty() {
        let _ = write!(line, ", from {}", endpoint.allowed_origins.join(" "));
    }
    line
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
