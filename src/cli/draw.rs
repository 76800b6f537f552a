//! `vovdet draw`: pictures of saved results.

use super::arguments::{cores, score};
use super::console::Console;
use super::detect::PictureOptions;
use super::{Outcome, Run, sentence};
use crate::pictures::{DrawnObject, Folders, LEAST_SCORE, Pictures, Wanted};
use crate::results::coco::image_id;
use crate::results::read::{self, ImageName, ImageResults, Saved};
use crate::results::text::{Text, count_found, number};
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use image::RgbImage;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::Instant;
use vovdet_datasets::category;
use vovdet_datasets::coco::CocoData;
use vovdet_datasets::pipeline::{self, Turn};
use vovdet_datasets::sources::{Source, Sources};
use vovdet_files::OverwriteGuard;

/// Draw saved detections on their images.
#[derive(Debug, Args)]
#[command(after_long_help = "\
RESULTS are COCO results or the JSON lines of `vovdet detect`. JSON lines name
their images; where those have moved, --images says where they are now. COCO
results know ids: with --annotations those of the data set, else the number in
the file's name, else its place in the folder, as `vovdet detect` gives them.

Examples:
  vovdet draw results.json --images photos --save out
  vovdet draw results.json --images val2017 \\
    --annotations instances_val2017.json --save out --score 0.7
  vovdet draw lines.jsonl --save out --hide person --line-width 4")]
pub struct Draw {
    /// COCO results, or JSON lines of `vovdet detect`.
    #[arg(value_name = "RESULTS")]
    results: PathBuf,
    /// Folders, files or patterns of the images.
    #[arg(long, value_name = "DIR", num_args = 1..)]
    images: Vec<PathBuf>,
    /// Look into the folders of a folder too.
    #[arg(short, long)]
    recursive: bool,
    /// The COCO annotation file with the names of images and categories.
    #[arg(long, value_name = "FILE")]
    annotations: Option<PathBuf>,
    /// Write the pictures into this folder.
    #[arg(long, value_name = "DIR", required_unless_present = "crops")]
    save: Option<PathBuf>,
    /// Write every object, cut out of its image, into this folder.
    #[arg(long, value_name = "DIR")]
    crops: Option<PathBuf>,
    /// Least score of what is drawn, 0 to 1.
    #[arg(long, visible_alias = "min-score", value_name = "SCORE", value_parser = score, default_value_t = LEAST_SCORE)]
    score: f32,
    #[command(flatten)]
    pictures: PictureOptions,
}

impl Run for Draw {
    fn run(&self, console: &Console) -> Result<Outcome> {
        let results = read::read(&self.results)?;
        let data = self.annotations.as_deref().map(CocoData::read).transpose().context("--annotations")?;
        let categories = data.as_ref().map(CocoData::categories).unwrap_or_default();
        let names = categories.into_iter().filter_map(|c| Some((u32::try_from(c.id.0).ok()?, c.name)));
        let names: BTreeMap<u32, String> = names.collect();
        let files = ImageFiles::new(self, data.as_ref());
        if let Some(ImageResults { image: ImageName::Id(id), .. }) = results.first()
            && self.images.is_empty()
        {
            bail!("{} names its images by ids such as {id}: say with --images where they are", self.results.display());
        }
        let hide = hidden(&self.pictures.hide, &names, &results)?;
        let mut guard = OverwriteGuard::new();
        [Some(&self.results), self.annotations.as_ref()].into_iter().flatten().for_each(|path| guard.reads(path));
        let (mut jobs, mut failed) = (Vec::new(), 0);
        for ImageResults { image, objects } in results {
            match files.find(&image) {
                Ok(path) => {
                    guard.reads(&path);
                    jobs.push((Source::File(path), objects));
                }
                Err(error) => {
                    failed += 1;
                    console.error(sentence(&error));
                }
            }
        }
        let ids: BTreeSet<u32> = jobs.iter().flat_map(|(_, objects)| objects.iter().map(Saved::category_id)).collect();
        let wanted = Wanted {
            save: self.save.clone(),
            crops: self.crops.clone(),
            style: self.pictures.style(ids.len() == 1 && names.len() <= 1),
            least: self.score,
            hide,
        };
        let folders = Folders::of(&self.images);
        let Some(pictures) = Pictures::start(wanted, folders, guard)? else { bail!("say with --save where to") };
        let drawing = Drawing { pictures, text: Text::default(), least: self.score, done: 0, failed, objects: 0 };
        drawing.run(console, jobs, &names)
    }
}

/// A run over many images.
struct Drawing {
    pictures: Pictures,
    text: Text,
    least: f32,
    done: usize,
    failed: usize,
    objects: usize,
}

impl Drawing {
    fn run(
        mut self,
        console: &Console,
        jobs: Vec<(Source, Vec<Saved>)>,
        names: &BTreeMap<u32, String>,
    ) -> Result<Outcome> {
        let workers = cores().min(16);
        let read = |(source, objects): (Source, Vec<Saved>), turn: Turn| {
            let start = Instant::now();
            let picture = source.read_in_turn(&turn).map_err(|e| e.to_string());
            (source, objects, picture, start)
        };
        pipeline::in_order(
            "image reader",
            jobs.into_iter(),
            workers,
            2 * workers,
            pipeline::MEMORY,
            read,
            |images| -> Result<()> {
                for (source, objects, picture, start) in images {
                    let drawn = picture.and_then(|picture| self.draw(console, &source, objects, picture, start, names));
                    if let Err(reason) = drawn {
                        self.failed += 1;
                        console.error(format_args!("{}: {reason}", source.name()));
                    }
                }
                Ok(())
            },
        )?;
        let Self { pictures, done, mut failed, objects, least, .. } = self;
        let folders = pictures.shown_folders();
        let failures = pictures.finish();
        failures.iter().for_each(|failure| console.error(failure));
        failed += failures.len();
        let objects = number(objects, "object", "objects");
        let images = number(done, "image", "images");
        console.data(&format!("{images}, {objects} with a score of {least} or more, {failed} failed; {folders}"))?;
        Ok(Outcome::of(done, failed))
    }

    fn draw(
        &mut self,
        console: &Console,
        source: &Source,
        objects: Vec<Saved>,
        picture: RgbImage,
        start: Instant,
        names: &BTreeMap<u32, String>,
    ) -> Result<(), String> {
        let size = picture.dimensions();
        let found: Vec<DrawnObject> = objects.into_iter().filter_map(|object| object.found(size, names)).collect();
        let (count, summary) = count_found(found.iter().map(|found| (found.label.as_str(), found.score)), self.least);
        let place = self.pictures.place(source)?;
        self.pictures.add(source, place, picture, found)?;
        self.done += 1;
        self.objects += count;
        let ms = start.elapsed().as_secs_f64() * 1e3;
        let text = self.text.line(&source.name(), Some(size), &summary, ms);
        console.data(&text).map_err(|e| format!("standard output: {e}"))
    }
}

/// The category ids of the classes that `--hide` names: those of the annotations, or else of the results.
fn hidden(words: &[String], names: &BTreeMap<u32, String>, results: &[ImageResults]) -> Result<Vec<u32>> {
    let mut classes = names.clone();
    let objects = results.iter().flat_map(|image| &image.objects);
    for (id, label) in objects.filter_map(|object| Some((object.category_id(), object.label()?))) {
        classes.entry(id).or_insert_with(|| label.to_owned());
    }
    let ids: Vec<u32> = classes.keys().copied().collect();
    let id = |word: &String| {
        let place = category::place(word, classes.iter().map(|(id, name)| (u64::from(*id), name.as_str())));
        // COCO results without annotations know no names.
        place.ok().map(|place| ids[place]).or_else(|| word.trim().parse().ok()).ok_or_else(|| {
            anyhow!("--hide: there is no class `{word}`: give its category id, or its name with --annotations")
        })
    };
    words.iter().map(id).collect()
}

/// Where the images of results are.
struct ImageFiles<'a> {
    folders: &'a [PathBuf],
    /// By the id of COCO results.
    by_id: HashMap<String, PathBuf>,
}

impl<'a> ImageFiles<'a> {
    fn new(args: &'a Draw, data: Option<&CocoData>) -> Self {
        let folders = &args.images;
        let mut by_id = HashMap::new();
        if let Some(data) = data {
            for image in &data.coco.dataset.images {
                let path = folders.iter().map(|folder| folder.join(&image.file_name)).find(|path| path.is_file());
                by_id.extend(path.map(|path| (image.id.to_string(), path)));
            }
        } else {
            let sources = Sources::from_arguments(folders, args.recursive);
            for (index, source) in sources.items.enumerate() {
                if let Source::File(path) = &source {
                    let stem = source.stem();
                    by_id.entry(image_id(index, &stem).to_string()).or_insert_with(|| path.clone());
                    // VOC's ids are names.
                    by_id.entry(stem).or_insert_with(|| path.clone());
                }
            }
        }
        Self { folders, by_id }
    }

    fn find(&self, image: &ImageName) -> Result<PathBuf> {
        match image {
            ImageName::Id(id) => {
                let hint = "is in none of the folders of --images, or its name is in --annotations only";
                self.by_id.get(id).cloned().with_context(|| format!("the image with the id {id} {hint}"))
            }
            ImageName::Path(name) => {
                let path = Path::new(name);
                if self.folders.is_empty() && path.is_file() {
                    return Ok(path.into());
                }
                // The longest tail of the path that is a file below one of the folders.
                let parts: Vec<_> = path.components().collect();
                let tails = (0..parts.len()).map(|start| parts[start..].iter().collect::<PathBuf>());
                let mut places = tails.flat_map(|tail| self.folders.iter().map(move |folder| folder.join(&tail)));
                let found = places.find(|place| place.is_file()).or_else(|| path.is_file().then(|| path.into()));
                found.with_context(|| format!("{name}: there is no such file: say with --images where it is"))
            }
        }
    }
}
