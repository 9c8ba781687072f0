//! What another configuration changes in a server that runs.
//! Not for: apps that come and go (`reload`), or what workers make of other limits (`worker::policy`).
//!
//! What an app was told of the largest message stays true for as long as it runs: it may have memory
//! for no larger one. So messages can become smaller at once, where the app is only sent less than it
//! was told, but larger only when every app that runs has been told so.

use std::sync::Arc;

use super::assets::Assets;
use super::plumbing::{self, Rules};
use super::roster::Resident;
use super::supervisor::Supervisor;
use crate::config::Config;
use crate::log;
use crate::systemd::sockets::Listener;

impl Supervisor {
    /// Has everything that is not in workers' hands go by another configuration, in which the apps of
    /// these numbers are served, and makes the rules for workers.
    pub(super) fn put_in_force(
        &mut self,
        config: Config,
        doors: Vec<Listener>,
        assets: &Assets,
        served: &[usize],
    ) {
        self.name_what_stays(&config);
        let libraries: Vec<_> = served
            .iter()
            .filter_map(|&number| Some((number, &self.roster.get(number)?.library)))
            .collect();
        let site = plumbing::build_site(&config, assets, libraries.into_iter(), &doors);
        let mut policy = plumbing::policy(&config);
        if let Some((told, name)) = self.least_told() {
            if told < policy.protocol.message_size {
                log::warning!(
                    app: name,
                    "`max_ws_msg_size` ({}) stays {told} for as long as this app runs, which was \
                     told so when it was started",
                    policy.protocol.message_size
                );
                policy.protocol.message_size = told;
            }
        }
        plumbing::set_topics(&self.kit.topics, &config);
        log::set_level(config.log_level);
        self.kit.rules = Rules { site: Arc::new(site), policy: Arc::new(policy) };
        (self.kit.config, self.kit.doors) = (config, doors);
    }

    /// Names what has changed and holds only for apps that are loaded from now on, or is less than it
    /// should be; what only a restart changes has been named where the configuration was read.
    fn name_what_stays(&self, config: &Config) {
        let (old, new) = (&self.kit.config.limits, &config.limits);
        let runs = self.roster.residents().any(Resident::is_serving);
        if runs && old.outbound_block_budget != new.outbound_block_budget {
            log::warning!(
                "`outbound_block_budget` stays what it was for the apps that run already"
            );
        }
        if !self.shared.addresses.is_large_enough_for(new.fd_alloc_c) {
            log::warning!(
                "what is known of single addresses has as much memory as the `fd_alloc_c` of the start \
                 needed: with more connections, `max_conn_c_per_addr` and \
                 `max_handshake_rate_per_addr` may refuse too many, until the service is restarted"
            );
        }
    }

    /// The least that an app which runs was told of the largest message, and its name.
    fn least_told(&self) -> Option<(usize, &str)> {
        let is_there = |one: &&Resident| !one.is_given_up() && !one.thread.has_ended();
        self.roster.residents().filter(is_there).map(|one| (one.max_message, one.name())).min()
    }

    /// Lets messages be as large as they should be, if the last app has gone that was in the way.
    pub(super) fn let_messages_grow(&mut self) {
        let wanted = self.kit.config.limits.max_ws_msg_size;
        let policy = &self.kit.rules.policy;
        if policy.protocol.message_size == wanted || self.reload.is_some() {
            return;
        }
        let size = self.least_told().map_or(wanted, |(told, _)| told.min(wanted));
        if size > policy.protocol.message_size {
            log::notice!("messages of {size} bytes can be taken now (max_ws_msg_size)");
            Arc::make_mut(&mut self.kit.rules.policy).protocol.message_size = size;
            self.order_rules();
        }
    }
}
