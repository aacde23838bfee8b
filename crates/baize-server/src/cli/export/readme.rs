//! What stands in the data set for those who use it.

/// For the manifest.
pub(super) const NOTICE_EN: &str = "For research and quality assurance only. De-identified, not anonymous: do not pass on without the hospital's leave.";
/// For the manifest.
pub(super) const NOTICE_ZH: &str =
    "仅供科研与质量控制使用。数据已去标识化，但并非匿名：未经医院许可不得外传。";

/// `README.md`
pub(super) const ENGLISH: &str = "# Reviewed cases

Images that a physician has reviewed, with what a model found and what the physician said. Written by `baize export
reviewed`. For research and quality assurance only; not for diagnosis.

The objects are de-identified after DICOM PS3.15 (Basic Profile; `manifest.json` names the options). De-identified is not
anonymous: whoever has the key, or the originals, can tell the patients. Do not pass the folder on without the hospital's
leave, and never together with the key.

| file | what it holds |
|---|---|
| `images/STUDY/SERIES/OBJECT.dcm` | the object, de-identified, pixels unchanged |
| `images/STUDY/SERIES/OBJECT.png` | the same as 8-bit grey, as a display would show it |
| `results.jsonl` | one result a line: model, findings with probability and threshold, all reviews |
| `results.csv` | one finding a line, with the newest review |
| `labels/LABEL.csv` | one image a line with the truth (1 present, 0 absent) after the newest review |
| `manifest.json` | counts, model versions, de-identification options, SHA-256 of every file |

`truth` is what the newest review says: the model's answer where the physician agrees or confirms the result, the opposite
where the physician disagrees, empty where the image does not tell. Comments and times of reviews are left out; reviewers
are pseudonyms. Images whose pixels may show a name are left out unless the export was told otherwise.

To evaluate a model on it:

    baize eval cxr --manifest labels/pneumonia.csv --root . --label pneumonia --out evaluation
";

/// `README.zh-CN.md`
pub(super) const CHINESE: &str = "# 经医师审阅的病例

本文件夹由 `baize export reviewed` 导出，包含经医师审阅的影像、模型结果及医师意见。仅供科研与质量控制使用，不得用于诊断。

影像已按 DICOM PS3.15（基本去标识化规范，所用选项见 `manifest.json`）去标识化。去标识化不等于匿名：持有密钥或原始数据者仍可辨认患者。
未经医院许可不得外传，更不得与密钥一同传出。

| 文件 | 内容 |
|---|---|
| `images/检查/序列/对象.dcm` | 去标识化后的 DICOM 对象，像素未改动 |
| `images/检查/序列/对象.png` | 同一图像的 8 位灰度图，与阅片显示一致 |
| `results.jsonl` | 每行一条结果：模型、各征象的概率与阈值、全部审阅记录 |
| `results.csv` | 每行一个征象，附最近一次审阅意见 |
| `labels/征象.csv` | 每行一幅图像，附依最近一次审阅得出的真值（1 有，0 无） |
| `manifest.json` | 数量统计、模型版本、去标识化选项、各文件的 SHA-256 |

`truth`（真值）取自最近一次审阅：医师同意该征象或确认整条结果时，取模型的判断；医师不同意时，取相反的判断；无法判断时留空。
审阅的文字备注与时间不导出，审阅者以假名表示。像素中可能带有姓名等文字的图像，除非导出时另行指定，一律不导出。

在此数据上评估模型：

    baize eval cxr --manifest labels/pneumonia.csv --root . --label pneumonia --out evaluation
";
