//! Each picture mode beside the same work in Python with `OpenCV`: in turns, photograph by photograph, in one run.
//!
//! Both sides are judged by the processor time of the one thread that they use, the quickest of the rounds for each
//! photograph: other programs on the machine then matter least.
//!
//! `SCALECAM_FRAMES=FOLDER PYTHON=… cargo bench --bench picture_beside [-- ROUNDS]` prints the table of docs/pictures.md.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, missing_docs)]
#![allow(clippy::as_conversions, clippy::cast_possible_truncation)]

#[path = "../tests/pictures/mod.rs"]
mod pictures;
#[path = "picture/frames.rs"]
mod frames;

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rustix::time::{ClockId, clock_gettime};
use scalecam::camera::{Frame, PixelFormat};
use scalecam::picture::{append_base64, prepare};

/// The name of the work, what the frames are, the settings.
const WORKS: [(&str, PixelFormat, &str); 8] = [
    ("pass", PixelFormat::Jpeg, "mode = 'pass'"),
    ("verify", PixelFormat::Jpeg, "mode = 'pass'\nverify = true"),
    ("crop", PixelFormat::Jpeg, "mode = 'crop'"),
    ("masks", PixelFormat::Jpeg, "mode = 'crop'\nmasks = [[100, 100, 200, 200]]"),
    ("fit", PixelFormat::Jpeg, "mode = 'fit'"),
    ("yuyv", PixelFormat::Yuyv, "mode = 'pass'"),
    ("yuyv_fit", PixelFormat::Yuyv, "mode = 'fit'"),
    ("nv12", PixelFormat::Nv12, "mode = 'pass'"),
];

/// The Python program, which does what it is asked and says how long that took.
struct Peer {
    child: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    fn start() -> Self {
        let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/picture_peer.py");
        let mut command = Command::new(python);
        let mut child = command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { orders: child.stdin.take().unwrap(), answers, child }
    }

    fn ask(&mut self, work: &str, (width, height): (u16, u16), photograph: usize) -> Duration {
        writeln!(self.orders, "{work} {width} {height} {photograph}").unwrap();
        let nanos = self.answers.next().expect("the peer ended").unwrap().parse().unwrap();
        Duration::from_nanos(nanos)
    }
}

/// The first run finds cold caches, because the other side has worked meanwhile; the camera's frame and the code are warm
/// in the agent, which looks at thirty frames a second.
const IN_A_ROW: usize = 3;

/// Processor time of this thread.
fn spent() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

fn ours(frame: &Arc<Frame>, settings: &scalecam::picture::Settings, body: &mut BytesMut) -> Duration {
    let before = spent();
    let picture = prepare(frame, settings).unwrap();
    body.clear();
    append_base64(picture.parts(), body);
    spent().saturating_sub(before)
}

/// What each mode sends and takes, for the sizes that cameras have: the first table of docs/pictures.md.
fn wire(rounds: u32, body: &mut BytesMut) {
    println!("| camera mode | `pass` | `crop` | `fit` |");
    println!("| --- | --- | --- | --- |");
    for size in [frames::SMALL].into_iter().chain(frames::SIZES) {
        let frames = frames::of(PixelFormat::Jpeg, size);
        let count = f64::from(u32::try_from(frames.len()).unwrap());
        print!("| {}x{} |", size.0, size.1);
        for mode in ["pass", "crop", "fit"] {
            let settings = toml::from_str(&format!("mode = '{mode}'")).unwrap();
            let quickest = |frame| (0..rounds * 3).map(|_| ours(frame, &settings, body)).min().unwrap();
            let took = frames.iter().map(quickest).sum::<Duration>().as_secs_f64() * 1e3 / count;
            let bytes: usize = frames.iter().map(|frame| prepare(frame, &settings).unwrap().len()).sum();
            let bytes = f64::from(u32::try_from(bytes).unwrap());
            print!(" {:.0} kB, {took:.2} ms |", bytes / 1e3 / count);
        }
        println!();
    }
    println!();
}

fn main() {
    if std::env::var_os("SCALECAM_FRAMES").is_none() {
        println!("SCALECAM_FRAMES is not set: it names the folder of photographs that both sides work on");
        return;
    }
    let rounds = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(30);
    let mut body = BytesMut::with_capacity(1 << 20);
    wire(rounds, &mut body);
    let mut peer = Peer::start();
    println!("| work | 1280x720 | Python | ratio | 1920x1080 | Python | ratio |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for (work, format, settings) in WORKS {
        let settings = toml::from_str(settings).unwrap();
        print!("| `{work}` |");
        for size in frames::SIZES {
            let frames = frames::of(format, size);
            let mut quickest = vec![(Duration::MAX, Duration::MAX); frames.len()];
            for _ in 0..rounds {
                for (photograph, (mine, theirs)) in quickest.iter_mut().enumerate() {
                    for _ in 0..IN_A_ROW {
                        *mine = (*mine).min(ours(&frames[photograph], &settings, &mut body));
                    }
                    for _ in 0..IN_A_ROW {
                        *theirs = (*theirs).min(peer.ask(work, size, photograph));
                    }
                }
            }
            let count = f64::from(u32::try_from(frames.len()).unwrap());
            let mine = quickest.iter().map(|(mine, _)| mine.as_secs_f64() * 1e3).sum::<f64>() / count;
            let theirs = quickest.iter().map(|(_, theirs)| theirs.as_secs_f64() * 1e3).sum::<f64>() / count;
            print!(" {mine:.3} ms | {theirs:.3} ms | {:.1} |", theirs / mine);
            std::io::stdout().flush().unwrap();
        }
        println!();
    }
    drop(peer.orders);
    peer.child.wait().unwrap();
}
