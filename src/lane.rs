//! THE PATH: one weighing from top to bottom. No device is opened here and no clock is read but the one given.
//!
//! [`Lane`] watches the plate and starts a weighing for every weight that settles and for every hand trigger;
//! each runs by itself, so that a slow service delays neither the next weighing nor the plate.

mod plate;
mod state;

pub use plate::{Ask, Heard, Lane, Stopped};
pub use state::{ScaleState, Status};

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::broadcast;
use tokio::task::JoinError;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::camera::{self, Frame, Ring};
use crate::outcome::{Failed, Outcome, PictureFacts, Products, Took, Trigger};
use crate::picture::{self, Picture, Unfit};
use crate::recognition::reports::{Entry, Outbox};
use crate::recognition::{
    About, BodyBuilder, Facts, Failure, Recognition, Session, Settings as RecognitionSettings,
};
use crate::scale::Stability;
use crate::sink::Sinks;
use crate::stability::{Load, Moved, Yardstick};
use crate::stamp::{Clock, Stamp};
use crate::weight::Quantity;

/// How long the record waits for the scale to say, after the picture, that the load is still the same. A
/// stream of five readings a second says so within this.
const CONFIRM_LIMIT: Duration = Duration::from_millis(250);
/// Request bodies kept for the next weighing: one in use, one to spare.
const BODIES_KEPT: usize = 2;

/// What every weighing of a lane shares.
#[derive(Debug)]
pub struct Shop {
    /// The device as the service knows it.
    pub device_id: String,
    /// Whether scale, camera or service are simulated.
    pub simulated: bool,
    /// Product id → what a person reads.
    pub products: Arc<Products>,
    /// The checksum of the settings.
    pub checksum: String,
    /// The camera's frames.
    pub ring: Arc<Ring>,
    /// How the camera is read.
    pub camera: camera::Settings,
    /// What is made of a frame.
    pub picture: picture::Settings,
    /// The service.
    pub recognition: RecognitionSettings,
    /// The one kept session with it.
    pub session: Session,
    /// The reports to it; none when there is no place to keep them.
    pub outbox: Option<Arc<Outbox>>,
    /// Where outcomes go.
    pub sinks: Sinks,
    /// The time.
    pub clock: Clock,
    /// Request bodies that were sent and can be filled again.
    pub bodies: Mutex<Vec<BodyBuilder>>,
    /// The number of the placement on the plate now.
    pub placement: AtomicU64,
    /// How many steps smaller than the settings say pictures are made, because the service found them too large.
    pub smaller: AtomicU8,
}

/// A weighing that has begun.
#[derive(Debug)]
struct Begun {
    /// Its name.
    id: String,
    trigger: Trigger,
    /// The settled moment, or that of the hand trigger.
    at: Stamp,
    quantity: Option<Quantity>,
    stability: Stability,
    settle: Option<Duration>,
    /// Which placement it weighs; a hand trigger weighs whatever is there.
    placement: Option<u64>,
    /// What later readings are held against.
    yardstick: Option<Yardstick>,
    /// Everything the scale says from the settled moment on.
    loads: broadcast::Receiver<(Load, Stamp)>,
}

/// What is known when the answer is there or will not come.
#[derive(Debug, Default)]
struct Findings {
    captured: Option<Stamp>,
    picture: Option<PictureFacts>,
    /// The picture itself, where the audit trail wants it.
    kept: Option<Picture>,
    session: Option<Facts>,
    took: Took,
    unused: Option<String>,
}

/// One weighing: frame, picture, request, answer, write-back. Ends in exactly one outcome, which was then
/// offered to every sink.
async fn weigh(shop: Arc<Shop>, mut begun: Begun) -> Arc<Outcome> {
    let deadline = Duration::from_millis(shop.recognition.deadline_ms.get().into());
    let mut findings = Findings::default();
    let result = recognise(&shop, &mut begun, deadline, &mut findings).await;
    let answered = shop.clock.now();
    let captured = findings.captured.filter(|_| findings.session.is_some());
    let recognised = result.as_ref().ok().map(|recognition| recognition.id.as_str());
    if let (Some(outbox), Some(id)) = (&shop.outbox, recognised.or(findings.unused.as_deref())) {
        outbox.saw(&begun.id, id);
    }
    let picture = findings.kept.take();
    findings.took.settle = begun.settle;
    findings.took.total = answered.since(begun.at);
    let mut outcome = outcome(&shop, &begun, result, findings);
    if shop.sinks.write_back(&Arc::new(outcome.clone())).await {
        outcome.took.write_back = Some(shop.clock.now().since(answered));
        outcome.took.total = shop.clock.now().since(begun.at);
    }
    // The shopper has the result; only the record waits to hear whether the load lay still for its picture.
    if let Some(captured) = captured {
        outcome.disturbed = confirm(&mut begun, captured).await;
    }
    let outcome = Arc::new(outcome);
    shop.sinks.record(&outcome);
    audit(&shop, &outcome, picture.as_ref());
    log(&outcome);
    outcome
}

/// From the settled moment to the service's answer.
async fn recognise(
    shop: &Arc<Shop>,
    begun: &mut Begun,
    deadline: Duration,
    findings: &mut Findings,
) -> Result<Recognition, Failed> {
    let mut chosen = picture_of(shop, begun, deadline, findings).await?;
    if moved_before(begun, chosen.captured) == Some(Moved::Away) {
        return Err(Failed::Disturbed);
    }
    if is_superseded(shop, begun) {
        return Err(Failed::Superseded);
    }

    let mut answer = ask(shop, begun, &chosen, deadline, findings).await;
    if answer.as_ref().is_err_and(Failure::wants_smaller)
        && let Some(smaller) = smaller(shop, &chosen).await
    {
        chosen.picture = smaller;
        answer = ask(shop, begun, &chosen, deadline, findings).await;
    }
    let recognition = answer?;

    if is_superseded(shop, begun) {
        findings.unused = Some(recognition.id.as_str().to_owned());
        return Err(Failed::Superseded);
    }
    Ok(recognition)
}

/// Sends the picture and waits for the answer, not beyond the deadline.
async fn ask(
    shop: &Shop,
    begun: &Begun,
    chosen: &Chosen,
    deadline: Duration,
    findings: &mut Findings,
) -> Result<Recognition, Failure> {
    let mut builder = shop.bodies.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
    let body = body(shop, begun, chosen, &mut builder);
    let built = shop.clock.now();
    if shop.outbox.as_ref().is_some_and(|outbox| outbox.wants_pictures()) {
        findings.kept = Some(chosen.picture.clone());
    }
    findings.picture = Some(facts(begun, chosen));
    findings.took.picture.get_or_insert_with(|| built.since(chosen.at_hand));
    let left = (begun.at + deadline).since(built);
    let attempted = shop.session.recognise(body, &begun.id, left).await;
    let before = findings.session.map_or(0, |facts| facts.attempts);
    let attempts = attempted.facts.attempts.saturating_add(before);
    findings.session = Some(Facts { attempts, ..attempted.facts });
    let took = shop.clock.now().since(built);
    findings.took.request = Some(findings.took.request.unwrap_or_default() + took);
    give_back(shop, builder);
    attempted.result
}

/// The same frame as a smaller picture, for this weighing and all after it; none when it cannot be made smaller.
async fn smaller(shop: &Shop, chosen: &Chosen) -> Option<Picture> {
    let steps = shop.smaller.load(Ordering::Acquire).saturating_add(1);
    let settings = shop.picture.smaller(steps);
    if steps > picture::SMALLER_STEPS || settings == shop.picture.smaller(steps - 1) {
        return None;
    }
    shop.smaller.store(steps, Ordering::Release);
    warn!(
        width = settings.width.pixels(),
        quality = settings.quality.percent(),
        "the service finds a picture of {} bytes too large (413): from now on they are made smaller",
        chosen.picture.len()
    );
    made(&chosen.frame, settings).await.ok()?.ok().filter(|made| made.len() < chosen.picture.len())
}

/// The picture of this weighing and its moment.
struct Chosen {
    frame: Arc<Frame>,
    /// Whether the scene stood still, where it is looked at.
    still: Option<bool>,
    picture: Picture,
    captured: Stamp,
    at_hand: Stamp,
}

/// The first whole frame newer than the settled moment, made into a picture. A frame that cannot be used
/// gives way to the next one, up to the limit.
async fn picture_of(
    shop: &Arc<Shop>,
    begun: &Begun,
    deadline: Duration,
    findings: &mut Findings,
) -> Result<Chosen, Failed> {
    let broken_before = shop.ring.broken();
    let (mut after, mut unfit) = (begun.at, None);
    let choose = async {
        loop {
            let settings = shop.picture.smaller(shop.smaller.load(Ordering::Acquire));
            let seen = |frame: &Frame| picture::seen(frame, &settings).ok();
            let camera::Chosen { frame, still } =
                shop.camera.choice.choose(&shop.ring, &shop.clock, after, seen).await;
            let at_hand = shop.clock.now();
            after = frame.taken;
            match made(&frame, settings).await.map_err(|error| Failed::NoPicture(error.to_string()))? {
                Ok(picture) => return Ok(Chosen { frame, still, picture, captured: after, at_hand }),
                // No other frame will do either.
                Err(why) if why.is_by_settings() => return Err(Failed::NoPicture(why.to_string())),
                Err(why) => unfit = Some(why),
            }
        }
    };
    let two_frames = Duration::from_secs(2) / shop.camera.fps.get();
    let limit = match shop.ring.state() {
        // Goods that lie on the plate when the agent starts settle before the camera is ready.
        camera::State::Opening => deadline,
        camera::State::Live | camera::State::Lost(_) => {
            (shop.camera.frame_wait.max(two_frames) + shop.camera.choice.longest()).min(deadline)
        }
    };
    let Ok(chosen) = timeout(limit, choose).await else {
        let why = unfit.map_or_else(|| shop.ring.why_none(broken_before).to_string(), |why| why.to_string());
        return Err(Failed::NoPicture(format!("no picture within {} ms: {why}", limit.as_millis())));
    };
    let chosen = chosen?;
    findings.captured = Some(chosen.captured);
    findings.took.frame = Some(chosen.at_hand.since(begun.at));
    findings.picture = Some(facts(begun, &chosen));
    Ok(chosen)
}

/// Makes a picture; what takes milliseconds of computing does not hold up the readings.
async fn made(frame: &Arc<Frame>, settings: picture::Settings) -> Result<Result<Picture, Unfit>, JoinError> {
    if settings.is_light() {
        return Ok(picture::prepare(frame, &settings));
    }
    let frame = Arc::clone(frame);
    tokio::task::spawn_blocking(move || picture::prepare(&frame, &settings)).await
}

fn facts(begun: &Begun, chosen: &Chosen) -> PictureFacts {
    let age = chosen.captured.since(begun.at);
    PictureFacts {
        bytes: chosen.picture.len(),
        width: chosen.picture.width(),
        height: chosen.picture.height(),
        mode: chosen.picture.mode().name(),
        frame_age_ms: u64::try_from(age.as_millis()).unwrap_or(u64::MAX),
        frame: chosen.frame.sequence,
        still: chosen.still,
        remark: chosen.picture.remark().map(|remark| remark.to_string()),
    }
}

fn body(shop: &Shop, begun: &Begun, chosen: &Chosen, builder: &mut BodyBuilder) -> Bytes {
    let about = About {
        device_id: &shop.device_id,
        camera_type: shop.recognition.camera_type.as_str(),
        captured_at: shop.clock.utc_at(chosen.captured),
        weight: begun.quantity.map(Quantity::weight),
        max_options: shop.recognition.max_options.map(crate::bounded::Bounded::get),
    };
    let length = chosen.picture.len().div_ceil(3).saturating_mul(4);
    builder.build(&about, length, |body| picture::append_base64(chosen.picture.parts(), body))
}

fn give_back(shop: &Shop, builder: BodyBuilder) {
    let mut bodies = shop.bodies.lock().unwrap_or_else(PoisonError::into_inner);
    if bodies.len() < BODIES_KEPT {
        bodies.push(builder);
    }
}

/// The furthest the load was seen to move up to a moment; nothing if the scale has said nothing since.
fn moved_before(begun: &mut Begun, until: Stamp) -> Option<Moved> {
    let yardstick = begun.yardstick?;
    let mut furthest = None;
    while let Ok((load, at)) = begun.loads.try_recv() {
        if at > until && furthest.is_some() {
            break;
        }
        furthest = furthest.max(yardstick.compare(load));
    }
    furthest
}

/// Reads on after the picture: whether the load moved while it was taken. Waits for one reading that is
/// newer than the picture, for a short time at most.
async fn confirm(begun: &mut Begun, captured: Stamp) -> Option<bool> {
    let yardstick = begun.yardstick?;
    let mut disturbed = None;
    let reading_on = async {
        loop {
            match begun.loads.recv().await {
                Ok((load, at)) => {
                    let Some(moved) = yardstick.compare(load).map(|moved| moved != Moved::No) else {
                        continue;
                    };
                    disturbed = Some(disturbed.unwrap_or(false) || moved);
                    if at > captured {
                        return;
                    }
                }
                // More readings than are kept have gone by, one of them unseen: it cannot be told.
                Err(broadcast::error::RecvError::Lagged(_)) => disturbed = None,
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    };
    let newer = timeout(CONFIRM_LIMIT, reading_on).await;
    if newer.is_err() && disturbed == Some(false) { None } else { disturbed }
}

/// Whether other goods have settled on the plate since.
fn is_superseded(shop: &Shop, begun: &Begun) -> bool {
    begun.placement.is_some_and(|mine| mine != shop.placement.load(Ordering::Acquire))
}

fn outcome(shop: &Shop, begun: &Begun, result: Result<Recognition, Failed>, findings: Findings) -> Outcome {
    Outcome {
        weighing: begun.id.clone(),
        device_id: shop.device_id.clone(),
        simulated: shop.simulated,
        trigger: begun.trigger,
        quantity: begun.quantity,
        stability: begun.stability,
        disturbed: None,
        settled_at: shop.clock.utc_at(begun.at),
        captured_at: findings.captured.map(|captured| shop.clock.utc_at(captured)),
        result,
        unused_recognition: findings.unused,
        picture: findings.picture,
        session: findings.session,
        took: findings.took,
        products: Arc::clone(&shop.products),
    }
}

/// Notes a weighing in the audit trail. Everybody has the outcome by now, and nothing here waits for the disk.
fn audit(shop: &Shop, outcome: &Outcome, picture: Option<&Picture>) {
    let Some(outbox) = &shop.outbox else { return };
    outbox.record(Entry {
        weighing: outcome.weighing.clone(),
        config: shop.checksum.clone(),
        outcome: outcome.json(),
        picture: picture.map(|picture| picture.parts().collect::<Vec<_>>().concat()),
    });
}

/// One line per weighing, always with the same fields.
fn log(outcome: &Outcome) {
    let error = outcome.result.as_ref().err().map(ToString::to_string).unwrap_or_default();
    info!(
        weighing = %outcome.weighing,
        grams = outcome.grams().unwrap_or_default(),
        result = outcome.word(),
        product = outcome.product_id().unwrap_or_default(),
        error,
        total_ms = crate::outcome::milliseconds(outcome.took.total),
        simulated = outcome.simulated,
        "weighing"
    );
}
