//! Images in batches that change nothing, and their answers in order.
//!
//! A batch is padded to its largest image, and padding reaches the network: the same image beside a larger one gives
//! other numbers. So only images whose padded size is the same share a batch. Those that wait for company hold back the
//! answers of later ones, [`AHEAD`] batches at most.

use super::images::{Item, Ready};
use super::predict;
use anyhow::Result;
use image::RgbImage;
use std::collections::VecDeque;
use vovdet_datasets::sources::Source;
use vovdet_detectors::{Error, Prepared};

/// How many batches of images may wait until one is full.
const AHEAD: usize = 4;

/// An image of the run and what the network says of it.
pub struct Answered<A> {
    /// Its number in the run, from 0.
    pub index: usize,
    /// Where it came from.
    pub source: Source,
    /// The answer, or why there is none.
    pub answer: Result<Answer<A>, String>,
}

/// The network's answer for an image.
pub struct Answer<A> {
    /// The answer itself.
    pub value: A,
    /// Width and height of the image in pixels.
    pub size: (u32, u32),
    /// The picture, if it was to be kept.
    pub picture: Option<RgbImage>,
    /// Milliseconds to read and decode the file.
    pub decode_ms: f64,
    /// Milliseconds to resize and normalise it.
    pub prepare_ms: f64,
}

/// Sends all `items` through `network` in batches of at most `batch` images of one padded size, and hands the answers to
/// `answered` in the items' order. `padded` is the size of an image's plane in the network's input.
///
/// # Errors
/// What `answered` returns.
pub fn in_batches<A>(
    items: &mut dyn Iterator<Item = Item>,
    batch: usize,
    padded: impl Fn(&Prepared) -> (u32, u32),
    network: impl Fn(&[Prepared]) -> Result<Vec<A>, Error>,
    mut answered: impl FnMut(Answered<A>) -> Result<()>,
) -> Result<()> {
    let mut queue = Queue { slots: VecDeque::new(), padded, network };
    for item in items {
        if let Some(size) = queue.push(item)
            && queue.waiting(size).count() >= batch
        {
            queue.run(size, batch);
        }
        if queue.slots.len() > AHEAD * batch
            && let Some(size) = queue.first()
        {
            queue.run(size, batch);
        }
        queue.hand_over(&mut answered)?;
    }
    while let Some(size) = queue.first() {
        queue.run(size, batch);
        queue.hand_over(&mut answered)?;
    }
    Ok(())
}

/// An image between the readers and its place in the output.
struct Slot<A> {
    index: usize,
    source: Source,
    state: State<A>,
}

enum State<A> {
    Waiting(Box<Ready>),
    /// In the network: only while a batch runs.
    Running,
    Done(Result<Answer<A>, String>),
}

/// The images that are not handed over yet, in order.
struct Queue<A, P, N> {
    slots: VecDeque<Slot<A>>,
    padded: P,
    network: N,
}

impl<A, P, N> Queue<A, P, N>
where
    P: Fn(&Prepared) -> (u32, u32),
    N: Fn(&[Prepared]) -> Result<Vec<A>, Error>,
{
    /// Adds an image; its padded size, unless it is one that cannot be read.
    fn push(&mut self, Item { index, source, ready }: Item) -> Option<(u32, u32)> {
        let size = ready.as_ref().ok().map(|ready| (self.padded)(&ready.input));
        let state = match ready {
            Ok(ready) => State::Waiting(Box::new(ready)),
            Err(reason) => State::Done(Err(reason)),
        };
        self.slots.push_back(Slot { index, source, state });
        size
    }

    /// Where in the queue the images of a padded size wait.
    fn waiting(&self, size: (u32, u32)) -> impl Iterator<Item = usize> {
        let waits =
            move |slot: &Slot<A>| matches!(&slot.state, State::Waiting(ready) if (self.padded)(&ready.input) == size);
        self.slots.iter().enumerate().filter(move |(_, slot)| waits(slot)).map(|(place, _)| place)
    }

    /// The padded size of the first image that waits.
    fn first(&self) -> Option<(u32, u32)> {
        self.slots.iter().find_map(|slot| match &slot.state {
            State::Waiting(ready) => Some((self.padded)(&ready.input)),
            State::Running | State::Done(_) => None,
        })
    }

    /// Runs the first images of a padded size.
    fn run(&mut self, size: (u32, u32), batch: usize) {
        let places: Vec<_> = self.waiting(size).take(batch).collect();
        let mut inputs = Vec::new();
        let mut rest = Vec::new();
        for &place in &places {
            if let State::Waiting(ready) = std::mem::replace(&mut self.slots[place].state, State::Running) {
                let Ready { input, picture, decode_ms, prepare_ms } = *ready;
                let size = input.geometry.original;
                inputs.push(input);
                rest.push(move |value| Answer { value, size, picture, decode_ms, prepare_ms });
            }
        }
        let answers = predict::answers(&inputs, &self.network);
        for ((place, finish), answer) in places.into_iter().zip(rest).zip(answers) {
            self.slots[place].state = State::Done(answer.map(finish));
        }
    }

    /// Hands over what is done, up to the first image that is not.
    fn hand_over(&mut self, answered: &mut impl FnMut(Answered<A>) -> Result<()>) -> Result<()> {
        while let Some(Slot { state: State::Done(_), .. }) = self.slots.front() {
            if let Some(Slot { index, source, state: State::Done(answer) }) = self.slots.pop_front() {
                answered(Answered { index, source, answer })?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use image::RgbImage;
    use std::cell::RefCell;
    use vovdet_detectors::spec::{InputSpec, ResizeRule, Rounding};

    /// Images of these widths, 100 pixels high; a width of 0 cannot be read.
    fn run(widths: &[u32], batch: usize) -> (Vec<Vec<u32>>, Vec<Result<u32, String>>) {
        let resize = ResizeRule::ShortSide { min: 10, max: 100, rounding: Rounding::Detectron2 };
        let spec = InputSpec { resize, pad_to: 4, ..InputSpec::caffe(10) };
        let item = |(index, &width): (usize, &u32)| {
            let ready = spec.prepare(&RgbImage::new(width, 100)).map_err(|e| e.to_string());
            let ready = ready.map(|input| Ready { input, picture: None, decode_ms: 0.0, prepare_ms: 0.0 });
            Item { index, source: Source::Stdin, ready }
        };
        let batches = RefCell::new(Vec::new());
        let network = |inputs: &[Prepared]| {
            let widths: Vec<_> = inputs.iter().map(|input| input.geometry.original.0).collect();
            batches.borrow_mut().push(widths.clone());
            if widths.len() > 1 && widths.contains(&666) { Err(Error::Input("too much".into())) } else { Ok(widths) }
        };
        let mut answers = Vec::new();
        let answered = |Answered { index, answer, .. }: Answered<u32>| {
            assert_eq!(index, answers.len());
            answers.push(answer.map(|answer| answer.value));
            Ok(())
        };
        in_batches(
            &mut widths.iter().enumerate().map(item),
            batch,
            |p| spec.padded_size(p.geometry),
            network,
            answered,
        )
        .unwrap();
        (batches.into_inner(), answers)
    }

    #[test]
    fn only_images_of_one_padded_size_share_a_batch_and_the_order_stays() {
        // Resized, a width is a tenth of these, then padded to a multiple of 4: 100 and 120 are the same, 130 is not.
        let widths = [100, 130, 120, 0, 130, 100, 100, 500];
        let (batches, answers) = run(&widths, 2);
        assert_eq!(batches, [vec![100, 120], vec![130, 130], vec![100, 100], vec![500]]);
        for (width, answer) in widths.iter().zip(answers) {
            assert_eq!(answer.ok(), (*width > 0).then_some(*width));
        }
        let (batches, _) = run(&widths, 1);
        assert_eq!(batches.concat(), widths.into_iter().filter(|&width| width > 0).collect::<Vec<_>>());
    }

    #[test]
    fn an_image_without_company_does_not_wait_for_ever() {
        let mut widths = vec![500];
        widths.extend([100; 20]);
        let (batches, answers) = run(&widths, 2);
        let place = batches.iter().position(|batch| batch.contains(&500)).unwrap();
        assert!(place <= AHEAD, "{batches:?}");
        assert_eq!(answers.len(), widths.len());
    }

    #[test]
    fn a_batch_that_fails_is_tried_one_by_one() {
        let (batches, answers) = run(&[660, 666, 661], 3);
        assert_eq!(batches, [vec![660, 666, 661], vec![660], vec![666], vec![661]]);
        assert_eq!(answers, [Ok(660), Ok(666), Ok(661)]);
    }
}
