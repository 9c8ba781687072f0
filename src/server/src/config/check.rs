//! `ringsocket check`: a configuration's errors and warnings, or a summary of what it serves.
//! Not for: finding them (see the module above).

use std::fmt::Write;
use std::path::Path;

use super::error::Severity;
use super::{
    ClientCerts, Config, DEFAULT_PATH, Endpoint, Loaded, Port, Report, Source, Surroundings, load,
};
use crate::counted::counted;
use crate::systemd::fitting;
use crate::{tls, www};

/// Exit status of a usable configuration.
const EX_OK: u8 = 0;
/// Exit status of the process when its configuration or its sockets cannot be used (sysexits.h).
pub const EX_CONFIG: u8 = 78;

/// What `ringsocket check` prints, and its exit status: 0, or 78 (`EX_CONFIG`).
///
/// Pages and certificates are read too, since the daemon would refuse to start over them.
pub fn check(source: &Source, around: &Surroundings) -> (String, u8) {
    match load(source, around) {
        Ok(loaded) => {
            // Units are made from the one file, and no other has to fit them.
            let is_in_force = source.path == Path::new(DEFAULT_PATH);
            let about_units = match is_in_force {
                true => fitting::report(&loaded.config, &source.path),
                false => String::new(),
            };
            let (text, status) = summary(&loaded);
            (format!("{about_units}{text}"), status)
        }
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
    let certs = Report { source: source.clone(), issues: tls::check(config) };
    errors += certs.count(Severity::Error);
    let _ = write!(text, "{certs}");
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
    for cert in &config.certs {
        let _ = writeln!(text, "  certificate for {}", cert.hostnames.join(" "));
    }
    let unix_sockets = config
        .unix_sockets
        .iter()
        .map(|unix| format!("{} ({})", unix.path, if unix.is_unencrypted { "ws" } else { "wss" }));
    let ports: Vec<String> = config.ports.iter().map(port_line).chain(unix_sockets).collect();
    let ports = match ports.is_empty() {
        true if config.certs.is_empty() => "every socket that systemd passes (ws)".to_owned(),
        true => "every socket that systemd passes (wss for those of that name, or else ws)".into(),
        false => ports.join(", "),
    };
    let fd_alloc_c = config.limits.fd_alloc_c;
    let nofile = config.fds_needed();
    let _ = writeln!(text, "  ports: {ports}");
    let _ = writeln!(text, "  workers: {}", config.worker_c);
    let _ = writeln!(text, "  connections: {fd_alloc_c} (takes LimitNOFILE={nofile})");
}

fn port_line(port: &Port) -> String {
    let number = port.port_number;
    match &port.client_certs {
        _ if port.is_unencrypted => format!("{number} (ws)"),
        None => format!("{number} (wss)"),
        Some(ClientCerts { are_required: true, .. }) => {
            format!("{number} (wss, clients show certificates)")
        }
        Some(_) => format!("{number} (wss, clients may show certificates)"),
    }
}

fn endpoint_line(endpoint: &Endpoint) -> String {
    let url = &endpoint.url;
    let mut line = match &url.authority {
        Some((host, port)) => {
            let (scheme, default) =
                if url.encrypted == Some(true) { ("wss", 443) } else { ("ws", 80) };
            let port = if *port == default { String::new() } else { format!(":{port}") };
            format!("{scheme}://{host}{port}{}", url.path)
        }
        None => format!("{} on every host", url.path),
    };
    let _ = write!(line, ", id {}", endpoint.endpoint_id);
    if !endpoint.allowed_origins.is_empty() {
        let _ = write!(line, ", from {}", endpoint.allowed_origins.join(" "));
    }
    line
}
