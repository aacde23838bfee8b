use super::*;

/// Patients with one to three images each, a quarter of them negative.
fn samples(patients: usize) -> Vec<Sample> {
    (0..patients)
        .flat_map(|patient| {
            let positive = patient % 4 != 0;
            let name = format!("{}{patient:04}", if positive { 'p' } else { 'n' });
            (0..1 + patient % 3).map(move |_| Sample {
                pixels: Array2::zeros((2, 2)),
                positive,
                patient: name.clone(),
            })
        })
        .collect()
}

fn patients(samples: &[Sample], side: &[usize]) -> BTreeSet<String> {
    side.iter().map(|index| samples[*index].patient.clone()).collect()
}

#[test]
fn no_patient_is_on_both_sides_and_no_image_is_lost() {
    let samples = samples(400);
    for seed in 0..5 {
        let split = split(&samples, 0.2, seed).unwrap();
        let (training, validation) =
            (patients(&samples, &split.training), patients(&samples, &split.validation));
        assert!(training.is_disjoint(&validation));
        assert_eq!(training.len() + validation.len(), 400);
        assert_eq!(split.training.len() + split.validation.len(), samples.len());
        assert_eq!(validation.len(), 80);
        assert_eq!(validation.iter().filter(|name| name.starts_with('n')).count(), 20);
        for first in ["n0000", "n0004", "p0001", "p0002"] {
            assert!(validation.contains(first), "the lowest numbers validate");
        }
    }
}

#[test]
fn a_patient_with_both_labels_stays_together() {
    let mut samples = samples(400);
    let mixed = samples.iter().position(|sample| sample.patient == "p0001").unwrap();
    samples.push(Sample { positive: false, ..samples[mixed].clone() });
    let split = split(&samples, 0.2, 1).unwrap();
    assert!(patients(&samples, &split.training).is_disjoint(&patients(&samples, &split.validation)));
}

#[test]
fn the_split_depends_on_the_seed_alone() {
    let samples = samples(400);
    assert_eq!(split(&samples, 0.2, 1).unwrap(), split(&samples, 0.2, 1).unwrap());
    assert_ne!(split(&samples, 0.2, 1).unwrap(), split(&samples, 0.2, 2).unwrap());
    assert!(split(&samples[..3], 0.2, 1).is_err(), "too few to hold any back");
}

#[test]
fn epochs_are_balanced_and_use_every_image_in_turn() {
    let samples = samples(100);
    let training: Vec<usize> = (0..samples.len()).collect();
    let negatives = samples.iter().filter(|sample| !sample.positive).count();
    let positives = samples.len() - negatives;
    let mut uses = vec![0usize; samples.len()];
    // After as many epochs as there are positives, every positive was used as often as every other.
    for epoch in 0..positives {
        let order = balanced_epoch(&samples, &training, 9, epoch);
        assert_eq!(order.len(), 2 * negatives);
        assert_eq!(order.iter().filter(|index| samples[**index].positive).count(), negatives);
        order.iter().for_each(|index| uses[*index] += 1);
    }
    for (sample, count) in samples.iter().zip(&uses) {
        assert_eq!(*count, if sample.positive { negatives } else { positives });
    }
    assert_eq!(balanced_epoch(&samples, &training, 9, 3), balanced_epoch(&samples, &training, 9, 3));
    assert_ne!(balanced_epoch(&samples, &training, 9, 3), balanced_epoch(&samples, &training, 9, 4));
}

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
        let samples = read(data, &labels).unwrap();
        assert_eq!(samples.len(), 2);
        assert_eq!(
            (samples[0].pixels.dim(), samples[0].pixels[[0, 0]], samples[0].positive),
            ((2, 3), 10, false)
        );
        assert_eq!(
            (samples[1].patient.as_str(), samples[1].pixels[[1, 2]], samples[1].positive),
            ("p1", 200, true)
        );
    }
}

#[test]
fn trouble_with_a_file_names_it() {
    let folder = folder();
    let cases = [
        ("path,pneumonia,patient\nmissing.png,0,n1\n", "missing.png is not in the data"),
        ("path,pneumonia,patient\n../a.png,0,n1\n", "../a.png is not in the data"),
        ("path,pneumonia,patient\nlabels.csv,0,n1\n", "cannot read labels.csv"),
        ("path,pneumonia,patient\na.png,2,n1\n", "a.png: pneumonia must be 0 or 1"),
        ("path,pneumonia\na.png,1\n", "patient"),
        ("path,pneumonia,patient\n", "names no image"),
    ];
    for (text, part) in cases {
        let labels = folder.path().join("labels.csv");
        std::fs::write(&labels, text).unwrap();
        let error = format!("{:#}", read(folder.path(), &labels).unwrap_err());
        assert!(error.contains(part), "{error}");
    }
}
