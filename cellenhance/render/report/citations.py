"""BibTeX of the papers that the catalogue names, found by their arXiv numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ARXIV = re.compile(r"arXiv (\d{4}\.\d{4,5})")


@dataclass(frozen=True, slots=True)
class _Paper:
    key: str
    authors: str
    title: str
    year: int


_PAPERS = {
    "1411.4038": _Paper(
        "long2015fcn",
        "Long, Jonathan and Shelhamer, Evan and Darrell, Trevor",
        "Fully Convolutional Networks for Semantic Segmentation",
        2014,
    ),
    "1505.04597": _Paper(
        "ronneberger2015unet",
        "Ronneberger, Olaf and Fischer, Philipp and Brox, Thomas",
        "{U-Net}: Convolutional Networks for Biomedical Image Segmentation",
        2015,
    ),
    "1511.00561": _Paper(
        "badrinarayanan2015segnet",
        "Badrinarayanan, Vijay and Kendall, Alex and Cipolla, Roberto",
        "{SegNet}: A Deep Convolutional Encoder-Decoder Architecture for Image Segmentation",
        2015,
    ),
    "1802.02611": _Paper(
        "chen2018deeplabv3plus",
        "Chen, Liang-Chieh and Zhu, Yukun and Papandreou, George and Schroff, Florian "
        "and Adam, Hartwig",
        "Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation",
        2018,
    ),
    "1804.03999": _Paper(
        "oktay2018attention",
        "Oktay, Ozan and others",
        "Attention {U-Net}: Learning Where to Look for the Pancreas",
        2018,
    ),
    "1807.10165": _Paper(
        "zhou2018unetpp",
        "Zhou, Zongwei and Rahman Siddiquee, Md Mahfuzur and Tajbakhsh, Nima and Liang, Jianming",
        "{UNet++}: A Nested {U-Net} Architecture for Medical Image Segmentation",
        2018,
    ),
    "1903.02740": _Paper(
        "gu2019cenet",
        "Gu, Zaiwang and others",
        "{CE-Net}: Context Encoder Network for {2D} Medical Image Segmentation",
        2019,
    ),
    "1904.04514": _Paper(
        "sun2019hrnet",
        "Sun, Ke and others",
        "High-Resolution Representations for Labeling Pixels and Regions",
        2019,
    ),
    "1907.12930": _Paper(
        "zhang2019agnet",
        "Zhang, Shihao and others",
        "Attention Guided Network for Retinal Image Segmentation",
        2019,
    ),
    "2108.13118": _Paper(
        "kato2021aep",
        "Kato, Sota and Hotta, Kazuhiro",
        "Automatic Preprocessing and Ensemble Learning for Low Quality Cell Image Segmentation",
        2021,
    ),
}


def find_bibtex(papers: str) -> str:
    """Return a BibTeX entry for each known arXiv number in a text, once each; "" for none.

    Examples
    --------
    >>> print(find_bibtex("Ronneberger et al. 2015, arXiv 1505.04597").splitlines()[0])
    @misc{ronneberger2015unet,
    """
    numbers = dict.fromkeys(_ARXIV.findall(papers))
    return "\n".join(_entry(number, _PAPERS[number]) for number in numbers if number in _PAPERS)


def _entry(number: str, paper: _Paper) -> str:
    fields = {
        "author": paper.authors,
        "title": paper.title,
        "year": str(paper.year),
        "eprint": number,
        "archivePrefix": "arXiv",
        "url": f"https://arxiv.org/abs/{number}",
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return "\n".join([f"@misc{{{paper.key},", *lines, "}"])
