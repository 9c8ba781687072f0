//! Inherited sockets: whatever their number and that of the workers, each one is served.

use std::net::SocketAddr;

use ringsocket_tests::client::Client;
use ringsocket_tests::daemon::{Builder, Daemon};

fn config(workers: usize) -> String {
    format!(
        r#"{{ "worker_c": {workers}, "apps": [ {{ "name": "echo", "app_path": "{{apps}}/echo.so",
            "endpoints": [ {{ "endpoint_id": 1, "url": "/echo" }} ] }} ] }}"#
    )
}

fn is_served(address: SocketAddr) {
    let mut client = Client::connect(address, "/echo").unwrap();
    client.text("served").unwrap();
    client.expect_text("served");
    client.close_cleanly();
}

fn start(workers: usize, sockets: usize) -> Daemon {
    Builder::new().app("echo").config(&config(workers)).sockets(sockets).start()
}

#[test]
fn every_socket_is_served_with_one_to_four_workers() {
    for workers in 1..=4 {
        for sockets in [1, 3, 5] {
            let daemon = start(workers, sockets);
            // More connections than workers, so that each worker that polls a socket may get one.
            for _ in 0..workers + 1 {
                daemon.addresses().iter().for_each(|&address| is_served(address));
            }
            daemon.stop_well();
        }
    }
}

#[test]
fn no_socket_of_a_shared_port_is_left_unpolled() {
    // The kernel spreads connections over the sockets of a port by hash: one that nobody polls
    // would strand its share.
    for workers in [1, 2, 4] {
        let builder = Builder::new().app("echo").config(&config(workers));
        let daemon = builder.sockets_of_one_port(3).start();
        for _ in 0..40 {
            is_served(daemon.address());
        }
        daemon.stop_well();
    }
}

#[test]
fn ports_of_the_configuration_choose_their_sockets() {
    let text = r#"{ "ports": [ { "port_number": {port}, "is_unencrypted": true },
                               { "port_number": {port1}, "is_unencrypted": true } ],
        "apps": [ { "name": "echo", "app_path": "{apps}/echo.so",
                    "endpoints": [ { "endpoint_id": 1, "url": "/echo" } ] } ] }"#;
    let daemon = Builder::new().app("echo").config(text).sockets(2).start();
    daemon.addresses().iter().for_each(|&address| is_served(address));
    daemon.stop_well();
}
