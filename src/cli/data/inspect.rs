//! `vovdet data inspect`.

use crate::cli::Outcome;
use crate::cli::console::Console;
use anyhow::Result;
use clap::Args;
use std::fmt::Write;
use std::path::PathBuf;
use vovdet_datasets::inspect::{Form, Inspection, inspect};

/// Lines of a list that are shown without --json.
const SHOWN: usize = 8;

/// Show what a data set holds and what is wrong with it: counts, sizes, classes, bad boxes, missing files, duplicates.
#[derive(Debug, Args)]
#[command(after_long_help = "\
PATH is a COCO annotation file, a folder with some in `annotations`, a VOC folder, or a folder of images.
The exit code is 0 whatever is found: what is wrong with a data set is the answer, not a failure.

Examples:
  vovdet data inspect VOC2007
  vovdet data inspect annotations/instances_val2017.json --images val2017
  vovdet data inspect photos --json | python3 -m json.tool")]
pub struct Inspect {
    /// The data set.
    path: PathBuf,
    /// Where the images of a COCO annotation file are [default: beside it, as COCO's folders are].
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// A JSON object per data set, with everything, instead of text.
    #[arg(long)]
    json: bool,
}

impl Inspect {
    /// Does what was asked for.
    pub fn run(&self, console: &Console) -> Result<Outcome> {
        let found = inspect(&self.path, self.images.as_deref())?;
        for (index, data) in found.iter().enumerate() {
            if self.json {
                console.json_line(data)?;
            } else {
                let gap = if index > 0 { "\n" } else { "" };
                console.data(&format!("{gap}{}", text(data)))?;
            }
        }
        Ok(Outcome::All)
    }
}

fn text(data: &Inspection) -> String {
    let form = match data.form {
        Form::Coco => "COCO annotations",
        Form::Voc => "VOC folder",
        Form::Images => "images without annotations",
    };
    let mut text = format!("{} ({form})\n", data.path.display());
    let mut line = |name: &str, value: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {name:<14}{value}");
    };
    let few = |items: Vec<String>| {
        let more = items.len().saturating_sub(SHOWN);
        let shown = items.into_iter().take(SHOWN).collect::<Vec<_>>().join(", ");
        if more > 0 { format!("{shown} and {more} more") } else { shown }
    };
    let empty = if data.form != Form::Images && data.images_without_objects > 0 {
        format!(", {} without objects", data.images_without_objects)
    } else {
        String::new()
    };
    line("images", format!("{}{empty}", data.images));
    let sizes = data.image_sizes.iter().map(|s| format!("{}x{} ({})", s.width, s.height, s.images));
    line("image sizes", few(sizes.collect()));
    if data.form == Form::Coco {
        let folder = data.image_folder.as_ref().map(|folder| folder.display().to_string());
        line("image folder", folder.unwrap_or_else(|| "not found; say where the images are with --images".into()));
    }
    if !data.splits.is_empty() {
        line("splits", few(data.splits.iter().map(|(name, n)| format!("{name} {n}")).collect()));
    }
    if data.form != Form::Images {
        let extra = [(data.crowds, "crowds"), (data.difficult, "difficult")];
        let extra: String = extra.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!(", {n} {what}")).collect();
        line("objects", format!("{}{extra}", data.objects));
        let list = |map: &std::collections::BTreeMap<&str, usize>| {
            map.iter().map(|(name, n)| format!("{name} {n}")).collect::<Vec<_>>().join(", ")
        };
        line("object sizes", list(&data.object_sizes));
        if !data.masks.is_empty() {
            line("masks", list(&data.masks));
        }
        let used = data.classes.iter().filter(|(_, class)| class.objects > 0).count();
        line("classes", format!("{}, {used} of them with objects", data.classes.len()));
        let width = data.classes.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, class) in data.classes.iter().filter(|(_, class)| class.objects > 0) {
            let _ = writeln!(text, "    {name:<width$}  {:>7} in {} images", class.objects, class.images);
        }
    }
    let _ = write!(text, "  {:<14}", "problems");
    if data.problems.is_empty() {
        text += "none found";
    }
    for problem in &data.problems {
        let more = if problem.count > problem.examples.len() { ", …" } else { "" };
        let _ = write!(text, "\n    {} {}: {}{more}", problem.count, problem.what, problem.examples.join(", "));
    }
    text
}
