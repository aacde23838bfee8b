use super::*;

/// Patients of two sources with one to three images each, a quarter of them negative.
fn samples(patients: usize) -> Vec<Sample> {
    (0..patients)
        .flat_map(|patient| {
            let positive = patient % 4 != 0;
            let name = format!("{}{patient:04}", if positive { 'p' } else { 'n' });
            (0..1 + patient % 3).map(move |_| Sample {
                pixels: Array2::zeros((2, 2)),
                truths: vec![positive, patient % 8 == 1],
                patient: name.clone(),
                source: ["one", "two"][usize::from(patient % 8 < 3)].to_owned(),
                view: String::new(),
            })
        })
        .collect()
}

fn patients_of(samples: &[Sample], folds: &[usize], fold: usize) -> BTreeSet<String> {
    let own = samples.iter().zip(folds).filter(|(_, of)| **of == fold);
    own.map(|(sample, _)| sample.patient.clone()).collect()
}

#[test]
fn folds_are_of_one_size_and_share_no_patient() {
    let samples = samples(400);
    for deal in [Deal::ByNumber, Deal::Shuffled] {
        let of = folds(&samples, 1, 5, deal, 3).unwrap();
        assert_eq!(of.len(), samples.len());
        let each: Vec<_> = (0..5).map(|fold| patients_of(&samples, &of, fold)).collect();
        for (fold, patients) in each.iter().enumerate() {
            assert_eq!(patients.len(), 80, "{deal:?}");
            assert_eq!(patients.iter().filter(|name| name.starts_with('n')).count(), 20, "{deal:?}");
            assert!(each[fold + 1..].iter().all(|other| other.is_disjoint(patients)), "{deal:?}");
        }
        for first in ["n0000", "n0004", "p0001", "p0002"] {
            assert!(deal == Deal::Shuffled || each[0].contains(first), "the lowest numbers come first");
        }
    }
}

#[test]
fn a_patient_with_both_labels_stays_together() {
    let mut samples = samples(400);
    let mixed = samples.iter().position(|sample| sample.patient == "p0001").unwrap();
    samples.push(Sample { truths: vec![false, false], ..samples[mixed].clone() });
    let of = folds(&samples, 1, 5, Deal::Shuffled, 1).unwrap();
    assert_eq!(of.last(), of.get(mixed));
}

#[test]
fn the_folds_depend_on_the_seed_alone() {
    let samples = samples(400);
    let deal = |seed| folds(&samples, 2, 5, Deal::Shuffled, seed).unwrap();
    assert_eq!(deal(1), deal(1));
    assert_ne!(deal(1), deal(2));
    let error = folds(&samples[..9], 1, 5, Deal::Shuffled, 1).unwrap_err().to_string();
    assert!(error.contains("too few patients for 5 folds"), "{error}");
}

#[test]
fn epochs_are_balanced_and_use_every_image_in_turn() {
    let samples = samples(100);
    let training: Vec<usize> = (0..samples.len()).collect();
    let negatives = samples.iter().filter(|sample| !sample.truths[0]).count();
    let positives = samples.len() - negatives;
    let order = |epoch| epoch_order(&samples, &training, Diet::Balanced, 9, epoch);
    let mut uses = vec![0usize; samples.len()];
    // After as many epochs as there are positives, every positive was used as often as every other.
    for epoch in 0..positives {
        let order = order(epoch);
        assert_eq!(order.len(), 2 * negatives);
        assert_eq!(order.iter().filter(|index| samples[**index].truths[0]).count(), negatives);
        order.iter().for_each(|index| uses[*index] += 1);
    }
    for (sample, count) in samples.iter().zip(&uses) {
        assert_eq!(*count, if sample.truths[0] { negatives } else { positives });
    }
    assert_eq!(order(3), order(3));
    assert_ne!(order(3), order(4));
    let mut whole = epoch_order(&samples, &training, Diet::Everything, 9, 3);
    whole.sort_unstable();
    assert_eq!(whole, training, "everything once");
}

#[test]
fn weights_leave_no_source_with_more_of_a_finding_than_another() {
    let samples = samples(400);
    let training: Vec<usize> = (0..samples.len()).collect();
    let balanced = weights(&samples, &training, Diet::Balanced);
    assert!(balanced.values().flatten().all(|weight| *weight == 1.0));
    let weights = weights(&samples, &training, Diet::Everything);
    for source in ["one", "two"] {
        let of = |positive: Option<bool>| -> f32 {
            let own = training.iter().filter(|index| samples[**index].source == source);
            let own = own.filter(|index| positive.is_none_or(|truth| samples[**index].truths[0] == truth));
            own.map(|index| weights[index][0]).sum()
        };
        let share = of(Some(true)) / of(None);
        assert!((share - POSITIVE_SHARE).abs() < 1e-3, "{source}: {share}");
    }
}

const TRUTHS: [Truth; 2] = [Truth::Flag("pneumonia"), Truth::Text("kind", "viral")];

/// Writes a folder with two images and its label file.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, value) in [("a.png", 10u8), ("b.png", 200u8)] {
        image::GrayImage::from_pixel(3, 2, image::Luma([value])).save(folder.path().join(name)).unwrap();
    }
    std::fs::write(
        folder.path().join("labels.csv"),
        "path,pneumonia,kind,patient\na.png,0,,n1\nb.png,1,viral,p1\n",
    )
    .unwrap();
    folder
}

#[test]
fn folders_and_archives_give_the_same_images() {
    let folder = folder();
    let labels = folder.path().join("labels.csv");
    let archive = folder.path().join("images.tar");
    let mut builder = tar::Builder::new(File::create(&archive).unwrap());
    for name in ["b.png", "a.png"] {
        builder.append_path_with_name(folder.path().join(name), name).unwrap();
    }
    builder.finish().unwrap();
    for data in [folder.path(), archive.as_path()] {
        let samples = read(data, &labels, &TRUTHS).unwrap();
        assert_eq!(samples.len(), 2);
        assert_eq!(
            (samples[0].pixels.dim(), samples[0].pixels[[0, 0]], samples[0].truths.clone()),
            ((2, 3), 10, vec![false, false])
        );
        assert_eq!(
            (samples[1].patient.as_str(), samples[1].pixels[[1, 2]], samples[1].truths.clone()),
            ("p1", 200, vec![true, true])
        );
    }
}

#[test]
fn trouble_with_a_file_names_it() {
    let folder = folder();
    let cases = [
        ("path,pneumonia,kind,patient\nmissing.png,0,,n1\n", "missing.png is not in the data"),
        ("path,pneumonia,kind,patient\n../a.png,0,,n1\n", "../a.png is not in the data"),
        ("path,pneumonia,kind,patient\nlabels.csv,0,,n1\n", "cannot read labels.csv"),
        ("path,pneumonia,patient\na.png,0,n1\n", "has no column kind"),
        ("path,pneumonia,kind,patient\na.png,2,,n1\n", "a.png: pneumonia must be 0 or 1"),
        ("path,pneumonia,kind\na.png,1,\n", "has no column patient"),
        ("path,pneumonia,patient\n", "names no image"),
    ];
    for (text, part) in cases {
        let labels = folder.path().join("labels.csv");
        std::fs::write(&labels, text).unwrap();
        let error = format!("{:#}", read(folder.path(), &labels, &TRUTHS).unwrap_err());
        assert!(error.contains(part), "{error}");
    }
}
