//! Who may do what: one authority, a certificate for each part of the cluster,
//! and how each reaches the API server.

use std::fs;

use anyhow::{Context, Result};
use serde_json::json;

use super::layout::{API_SERVER, Layout, NODES};
use crate::command::{program, run_quietly};

/// Longer than any cluster lives; `up` makes new ones each time.
const DAYS: &str = "30";

/// Makes all of them: file `NAME.crt` and `NAME.key` for each, and a kubeconfig
/// for those that ask the API server.
pub(crate) fn make(layout: &Layout) -> Result<()> {
    let folder = layout.certificate("");
    fs::create_dir_all(&folder).with_context(|| format!("create `{}`", folder.display()))?;
    authority(layout)?;
    let names = "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,\
                 DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1,IP:10.96.0.1,IP:192.0.2.1";
    issue(layout, "kube-apiserver", "/CN=kube-apiserver", Some(names))?;
    // Whoever is in this group may do all (RBAC bootstraps it so).
    issue(layout, "kubelet-client", "/O=system:masters/CN=kubelet-client", None)?;
    // Signs the tokens of service accounts.
    issue(layout, "service-accounts", "/CN=service-accounts", None)?;
    let mut users = vec![
        ("admin".to_owned(), "/O=system:masters/CN=admin".to_owned()),
        user("kube-controller-manager"),
        user("kube-scheduler"),
        user("kube-proxy"),
    ];
    users.extend(NODES.map(|node| {
        (node.name.to_owned(), format!("/O=system:nodes/CN=system:node:{}", node.name))
    }));
    for (name, subject) in &users {
        // A kubelet is asked by its address, too.
        let node = NODES.into_iter().find(|node| node.name == name);
        let address = node.map(|node| format!("DNS:{},IP:{}", node.name, node.address));
        issue(layout, name, subject, address.as_deref())?;
        kubeconfig(layout, name)?;
    }
    Ok(())
}

const CURVE: &str = "ec_paramgen_curve:P-256";

fn user(name: &str) -> (String, String) {
    (name.to_owned(), format!("/CN=system:{name}"))
}

fn authority(layout: &Layout) -> Result<()> {
    let mut make = program("openssl", &["req", "-x509", "-newkey", "ec", "-pkeyopt", CURVE]);
    make.args(["-nodes", "-days", DAYS, "-subj", "/CN=localkube"]);
    make.args(["-addext", "keyUsage=critical,keyCertSign,cRLSign"]);
    make.arg("-keyout").arg(layout.certificate("authority.key"));
    run_quietly(make.arg("-out").arg(layout.certificate("authority.crt")))
}

fn issue(layout: &Layout, name: &str, subject: &str, names: Option<&str>) -> Result<()> {
    let mut make = program("openssl", &["req", "-x509", "-newkey", "ec", "-pkeyopt", CURVE]);
    make.args(["-nodes", "-days", DAYS, "-subj", subject]);
    make.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    make.args(["-addext", "extendedKeyUsage=clientAuth,serverAuth"]);
    if let Some(names) = names {
        make.arg("-addext").arg(format!("subjectAltName={names}"));
    }
    make.arg("-CA").arg(layout.certificate("authority.crt"));
    make.arg("-CAkey").arg(layout.certificate("authority.key"));
    make.arg("-keyout").arg(layout.certificate(&format!("{name}.key")));
    run_quietly(make.arg("-out").arg(layout.certificate(&format!("{name}.crt"))))
}

/// JSON is YAML.
fn kubeconfig(layout: &Layout, name: &str) -> Result<()> {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "localkube", "cluster": {
            "server": API_SERVER,
            "certificate-authority": layout.certificate("authority.crt"),
        }}],
        "users": [{"name": name, "user": {
            "client-certificate": layout.certificate(&format!("{name}.crt")),
            "client-key": layout.certificate(&format!("{name}.key")),
        }}],
        "contexts": [{"name": "localkube", "context": {"cluster": "localkube", "user": name}}],
        "current-context": "localkube",
    });
    let path = layout.kubeconfig(name);
    fs::write(&path, config.to_string()).with_context(|| format!("write `{}`", path.display()))
}
