//! The line between a registry and its DNS server, which kills the registry at a step.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::signal;

/// How long a change of DNS may be on its way to this line.
const PATIENCE: Duration = Duration::from_mins(1);
/// The operation of an update (RFC 2136, section 1.3).
const UPDATE: u8 = 5;

/// When somebody dies in an exchange with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The client asks for something, and the server does not hear of it.
    Before,
    /// The server has done it, and the client does not hear of that.
    After,
    /// The client has heard of it, and may or may not have written it down.
    Answered,
}

/// Whom to kill, and when.
type Armed = Arc<Mutex<Option<(Step, u32)>>>;

pub(super) struct Line {
    pub(super) address: SocketAddr,
    armed: Armed,
    deaths: Receiver<()>,
}

impl Line {
    /// A line to this server.
    pub(super) fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (armed, (killed, deaths)) = (Armed::default(), channel());
        let of_thread = Arc::clone(&armed);
        // It ends with the process of the test.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (armed, killed) = (Arc::clone(&of_thread), killed.clone());
                std::thread::spawn(move || pass(stream, server, &armed, &killed));
            }
        });
        Self { address, armed, deaths }
    }

    /// Kills this process at the next update.
    pub(super) fn arm(&self, step: Step, pid: u32) {
        *self.armed.lock().unwrap() = Some((step, pid));
    }

    /// Waits until it is dead.
    pub(super) fn death_wait(&self) {
        self.deaths
            .recv_timeout(PATIENCE)
            .expect("the registry has changed nothing in DNS");
    }
}

/// One exchange. Whatever breaks off is for the registry to notice.
fn pass(mut registry: TcpStream, server: SocketAddr, armed: &Armed, killed: &Sender<()>) -> Option<()> {
    let request = message_read(&mut registry)?;
    let is_update = request.get(4).is_some_and(|flags| (flags >> 3) & 15 == UPDATE);
    let dies = |step: Step| {
        let mut armed = armed.lock().unwrap();
        match *armed {
            Some((at, pid)) if is_update && at == step => {
                *armed = None;
                signal(pid, "KILL");
                let _nobody_waits = killed.send(());
                true
            }
            _ => false,
        }
    };
    if dies(Step::Before) {
        return None;
    }
    let mut stream = TcpStream::connect(server).ok()?;
    stream.write_all(&request).ok()?;
    let answer = message_read(&mut stream)?;
    if dies(Step::After) {
        return None;
    }
    registry.write_all(&answer).ok()?;
    dies(Step::Answered);
    Some(())
}

/// A message with its length in front (RFC 1035, section 4.2.2).
fn message_read(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut message = length.to_vec();
    message.resize(2 + usize::from(u16::from_be_bytes(length)), 0);
    stream.read_exact(message.get_mut(2..)?).ok()?;
    Some(message)
}
