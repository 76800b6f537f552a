//! Figures computed again from matches that are kept, with images that count several times: what a bootstrap needs, and
//! the evaluation itself where hotcoco's rules are not pycocotools'.

/// Replicates that are scored in one pass.
pub const LANES: usize = 8;

/// How often something is drawn in each of the replicates of one pass. Counts as floats: whole up to 2⁵³.
pub type Lanes = [f64; LANES];

/// A result that can be scored again with images that count several times.
pub trait Replay: Sync {
    /// Room for one pass, so that passes allocate nothing.
    type Scratch;

    /// Images that can be drawn.
    fn images(&self) -> usize;

    /// How many figures there are.
    fn figures(&self) -> usize;

    /// Room for a pass.
    fn scratch(&self) -> Self::Scratch;

    /// Computes all figures, NaN for one that nothing can be said about. `weights` says of each image how often it counts.
    fn replay(&self, weights: &[Lanes], scratch: &mut Self::Scratch, figures: &mut [Lanes]);

    /// The figures with every image counting once: those of the evaluation itself, to the last bit.
    fn once(&self) -> Vec<f64> {
        let mut figures = vec![[f64::NAN; LANES]; self.figures()];
        self.replay(&vec![[1.0; LANES]; self.images()], &mut self.scratch(), &mut figures);
        figures.iter().map(|lanes| lanes[0]).collect()
    }
}

/// A detection: its image, and whether it is right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Event(u32);

impl Event {
    pub(crate) fn new(image: u32, right: bool) -> Self {
        Self(image << 1 | u32::from(right))
    }

    pub(crate) fn image(self) -> usize {
        (self.0 >> 1) as usize
    }

    pub(crate) fn is_right(self) -> bool {
        self.0 & 1 == 1
    }
}
