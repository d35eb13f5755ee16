//! A running agent with the interface, a practice scale and a practice service.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use scalecam::practice::scale::{Character, Options as ScaleOptions, PracticeScale};
use scalecam::practice::service::{Options as ServiceOptions, Service};
use scalecam::recognition::reports::OutboxFile;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

/// Far beyond anything that works.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);
const KEY: &str = "k3y-that-nobody-may-see";

pub(crate) struct Shop {
    pub(crate) folder: TempDir,
    pub(crate) scale: PracticeScale,
    pub(crate) service: Service,
    pub(crate) agent: Child,
    log: Lines<BufReader<ChildStderr>>,
    heard: String,
    /// Where the interface listens.
    pub(crate) at: SocketAddr,
    pub(crate) token: String,
}

impl Shop {
    pub(crate) async fn open() -> Self {
        Self::with(true, "").await
    }

    /// `reports`: whether there is a place for them; `local`: more for the table `[local]`.
    pub(crate) async fn with(reports: bool, local: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display().to_string();
        let scale = PracticeScale::start(ScaleOptions {
            character: Character::default().faster(4),
            link: Some(folder.path().join("scale")),
            ..ScaleOptions::new("mt-sics")
        });
        let service =
            Service::start(ServiceOptions { api_key: Some(KEY.to_owned()), ..ServiceOptions::default() });
        let service = service.await.unwrap();
        std::fs::write(folder.path().join("key"), KEY).unwrap();
        std::fs::write(folder.path().join("ca.pem"), service.ca_pem()).unwrap();
        std::fs::create_dir(folder.path().join("run")).unwrap();
        let mut text = format!(
            "[device]\nid = \"LANE-07\"\n[scale]\nport = \"{path}/scale\"\nprotocol = \"mt-sics\"\n\
             [camera]\nkind = \"synthetic\"\n[recognition]\nurl = \"{}\"\napi_key_file = \"{path}/key\"\n\
             ca_file = \"{path}/ca.pem\"\n[local]\nlisten = [\"127.0.0.1:0\"]\nsocket = \"{path}/run/local.sock\"\n{local}",
            service.url()
        );
        if reports {
            write!(text, "[reports]\nfile = \"{path}/outbox.db\"\n").unwrap();
        }
        std::fs::write(folder.path().join("config.toml"), text).unwrap();
        let mut agent = Command::new(env!("CARGO_BIN_EXE_scalecam"))
            .args(["run", "--config"])
            .arg(folder.path().join("config.toml"))
            .env("SCALECAM_LOG", "debug")
            .env("RUNTIME_DIRECTORY", folder.path().join("run"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let log = BufReader::new(agent.stderr.take().unwrap()).lines();
        let at = SocketAddr::from(([127, 0, 0, 1], 0));
        let (token, heard) = (String::new(), String::new());
        let mut shop = Self { folder, scale: scale.unwrap(), service, agent, log, heard, at, token };
        shop.said(&["started", "scale: ok", "the service answers"]).await;
        let at = shop.heard.split("listens on http://").nth(1).unwrap();
        shop.at = at.split_whitespace().next().unwrap().parse().unwrap();
        let token = std::fs::read_to_string(shop.folder.path().join("run/local-token")).unwrap();
        token.trim().clone_into(&mut shop.token);
        shop
    }

    /// Reads the log until all of these were said.
    pub(crate) async fn said(&mut self, words: &[&str]) {
        let mut left = words.to_vec();
        let log = async {
            while !left.is_empty() {
                let line = self.log.next_line().await.unwrap().expect("the agent ended");
                left.retain(|word| !line.contains(word));
                self.heard.push_str(&line);
                self.heard.push('\n');
            }
        };
        let said = timeout(LIMIT, log).await.is_ok();
        assert!(said, "not all of {words:?} was said: {}", self.heard);
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.agent.id().unwrap()).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// Ends the agent the way the service manager does; gives everything it ever said.
    pub(crate) async fn end(mut self) -> String {
        self.signal(rustix::process::Signal::TERM);
        while let Some(line) = self.log.next_line().await.unwrap() {
            self.heard.push_str(&line);
        }
        assert!(timeout(LIMIT, self.agent.wait()).await.unwrap().unwrap().success(), "{}", self.heard);
        for secret in [KEY, &self.token] {
            assert!(!self.heard.contains(secret), "a secret was said");
        }
        self.heard
    }

    /// How many reports are kept now.
    pub(crate) fn kept(&self) -> usize {
        let file = OutboxFile::open(&self.folder.path().join("outbox.db")).unwrap();
        file.map_or(0, |file| file.list().unwrap().len())
    }
}
