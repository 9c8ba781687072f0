//! What a reload finds: the configuration and the files of apps, read anew. And loaded, where they
//! are others than before.
//! Not for: what is made of it (`reload`).
//!
//! All of this may take its time, or even hang in a library's constructor, and is done on a thread of
//! its own, on which nobody waits.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::assets::Assets;
use super::loading::Library;
use crate::config::{self, Config, Source, Surroundings};
use crate::host::image::{Image, ImageError, Print, Stamp};
use crate::host::library::LoadError;
use crate::log;
use crate::systemd::sockets::{self, Listener};
use crate::tls::Terms;

/// So long files are waited for that are being written to.
pub(super) const SETTLE_WAIT: Duration = Duration::from_secs(5);

/// How often they are looked at meanwhile.
const SETTLE_TICK: Duration = Duration::from_millis(100);

/// What a reload begins with.
pub(super) struct Look {
    pub(super) source: Source,
    pub(super) around: Surroundings,
    /// The sockets that there are.
    pub(super) doors: Vec<Listener>,
    /// What TLS handshakes are about until now.
    pub(super) tls: Arc<Terms>,
    /// What is served well, by name.
    pub(super) known: HashMap<String, Known>,
}

/// An app that is served.
pub(super) struct Known {
    pub(super) app: config::App,
    pub(super) stamp: Stamp,
    pub(super) print: Print,
}

/// What it finds.
pub(super) struct Found {
    pub(super) config: Config,
    /// The sockets, as they are to be served.
    pub(super) doors: Vec<Listener>,
    pub(super) assets: Assets,
    /// Apps that are new, or others than before.
    pub(super) loaded: Vec<Library>,
    /// Names of apps whose files are not there any more.
    pub(super) gone: Vec<String>,
    /// Names of apps that cannot be loaded, and why.
    pub(super) troubles: Vec<(String, String)>,
    /// Some file is being written to: it should be looked at again.
    pub(super) is_unsettled: bool,
}

/// What has become of the apps.
struct Taken {
    loaded: Vec<Library>,
    gone: Vec<String>,
    troubles: Vec<(String, String)>,
}

/// What is to be said of the file of one app.
enum Verdict {
    /// It is what is served.
    Same,
    /// It is another.
    Other(Image),
    /// There is none.
    Gone,
    /// It may not be finished.
    Unsettled(String),
    /// It cannot be used.
    Bad(String),
}

impl Look {
    /// Looks until nothing changes any more, or for [`SETTLE_WAIT`], and loads what is new.
    ///
    /// # Errors
    /// Lines that say why the configuration cannot be used, here and now.
    pub(super) fn look(&self) -> Result<Found, Vec<String>> {
        let deadline = Instant::now() + SETTLE_WAIT;
        loop {
            let loaded = config::load(&self.source, &self.around).map_err(|report| {
                report.log();
                report.to_string().lines().map(str::to_owned).collect::<Vec<_>>()
            })?;
            let mut config = loaded.config;
            self.keep_unreadable(&mut config);
            let verdicts: Vec<_> = config.apps.iter().map(|app| self.examine(app)).collect();
            let is_gap = self.has_fresh_gap(&config, &verdicts);
            let is_unsettled = |verdict: &Verdict| matches!(verdict, Verdict::Unsettled(_));
            let has_settled = !is_gap && !verdicts.iter().any(is_unsettled);
            if has_settled || Instant::now() >= deadline {
                loaded.warnings.log();
                return self.gather(config, verdicts, !has_settled);
            }
            thread::sleep(SETTLE_TICK);
        }
    }

    /// Everything that takes time, what is likely to fail first: apps are only loaded if all else is
    /// well, as a library that is loaded stays for ever.
    fn gather(
        &self,
        config: Config,
        verdicts: Vec<Verdict>,
        is_unsettled: bool,
    ) -> Result<Found, Vec<String>> {
        let fitted = sockets::refit(&self.doors, &config.ports, !config.certs.is_empty())?;
        let warnings = fitted.warnings.iter();
        warnings.for_each(|one| log::warning!(id: log::id::PORT_WITHOUT_SOCKET, "{one}"));
        let doors = fitted.listeners;
        let assets = Assets::read(&config, &doors, Some(&self.tls))?;
        let Taken { loaded, gone, mut troubles } = take_up(&config, verdicts);
        troubles.extend(assets.troubles.iter().cloned());
        Ok(Found { config, doors, assets, loaded, gone, troubles, is_unsettled })
    }

    /// An app whose file in the folder is none any more, or is not to be had for a reason which says
    /// nothing of it, has not been removed: that it cannot be read is said of it then.
    fn keep_unreadable(&self, config: &mut Config) {
        if !config.apps_of_folder {
            return;
        }
        for (name, Known { app, .. }) in &self.known {
            let is_there = match std::fs::metadata(&app.path) {
                Ok(about) => !about.is_file(),
                Err(error) => error.kind() != io::ErrorKind::NotFound,
            };
            if is_there && !config.apps.iter().any(|app| app.name == *name) {
                config.apps.push(app.clone());
            }
        }
    }

    fn examine(&self, app: &config::App) -> Verdict {
        let known = self.known.get(&app.name).filter(|known| known.app.threads == app.threads);
        let stamp = match Stamp::look(&app.path) {
            Ok(stamp) => stamp,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Verdict::Gone,
            Err(error) => return Verdict::Bad(error.to_string()),
        };
        if known.is_some_and(|known| known.stamp == stamp) {
            return Verdict::Same;
        }
        if !stamp.is_quiet() {
            return Verdict::Unsettled(ImageError::Changing.to_string());
        }
        match Image::read(&app.path) {
            Ok(image) if known.is_some_and(|known| known.print == image.print) => Verdict::Same,
            Ok(image) => Verdict::Other(image),
            Err(error @ (ImageError::Changing | ImageError::Cut)) => {
                Verdict::Unsettled(error.to_string())
            }
            Err(error) => Verdict::Bad(error.to_string()),
        }
    }

    /// Whether a file has gone just now, and may be about to come again: who replaces it may remove
    /// it first.
    fn has_fresh_gap(&self, config: &Config, verdicts: &[Verdict]) -> bool {
        let is_there = |name: &String| {
            let mut apps = config.apps.iter().zip(verdicts);
            apps.any(|(app, verdict)| app.name == *name && !matches!(verdict, Verdict::Gone))
        };
        let gone = self.known.iter().filter(|(name, _)| !is_there(name));
        let folders = gone.filter_map(|(_, known)| known.app.path.parent());
        folders.into_iter().any(|dir| Stamp::look(dir).is_ok_and(|stamp| !stamp.is_quiet()))
    }
}

/// Loads what is new.
fn take_up(config: &Config, verdicts: Vec<Verdict>) -> Taken {
    let (mut loaded, mut gone, mut troubles) = (Vec::new(), Vec::new(), Vec::new());
    for (app, verdict) in config.apps.iter().zip(verdicts) {
        let result = match verdict {
            Verdict::Same => continue,
            Verdict::Other(image) => Library::of(app, &image).map_err(|error| error.to_string()),
            Verdict::Gone => {
                gone.push(app.name.clone());
                Err(LoadError::Image(ImageError::Unfit("there is no such file")).to_string())
            }
            Verdict::Unsettled(why) | Verdict::Bad(why) => Err(why),
        };
        match result {
            Ok(library) => loaded.push(library),
            Err(why) => {
                log::error!(
                    id: log::id::APP_NOT_LOADED,
                    app: app.name,
                    "app not loaded: {}: {why}",
                    app.path.display()
                );
                troubles.push((app.name.clone(), why));
            }
        }
    }
    Taken { loaded, gone, troubles }
}
