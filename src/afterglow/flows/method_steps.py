"""The steps that a method file can name, with their settings. An unknown key is refused; what a step does stands in flows/steps*.py."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from afterglow.kernels.aif_population import POPULATION_AIFS
from afterglow.kernels.models import MODELS


class Strict(BaseModel):
    """A table of a method file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Still(Strict):
    """Motion correction of the dynamic series."""

    do: Literal["still"]
    source: str = ""


class Align(Strict):
    """Rigid registration of other series onto the dynamic one."""

    do: Literal["align"]
    series: tuple[Literal["vfa", "irt1", "b1", "anatomy", "se", "dwi", "flair"], ...]
    source: str = ""


class Background(Strict):
    """Removal of the noise around the subject."""

    do: Literal["background"]
    source: str = ""


class Smooth(Strict):
    """Gaussian smoothing, full widths at half maximum; 0 leaves an axis alone."""

    do: Literal["smooth"]
    space_fwhm_mm: float = Field(ge=0, le=50)
    time_fwhm_s: float = Field(ge=0, le=60)
    source: str = ""


class T1(Strict):
    """T1 before contrast: the first of these ways that the exam has the series for."""

    do: Literal["t1"]
    how: tuple[Literal["vfa", "inversion", "fixed"], ...] = Field(min_length=1)
    fixed_s: float | None = Field(default=None, gt=0, lt=10)
    source: str

    @model_validator(mode="after")
    def _fixed_needs_its_value(self) -> "T1":
        if ("fixed" in self.how) != (self.fixed_s is not None):
            raise ValueError("fixed_s goes with how = 'fixed': give both or neither")
        return self


class ToConcentration(Strict):
    """Signal to concentration; the agent's T2* decay can be undone where TE and r2* are known."""

    do: Literal["concentration"]
    undo_t2star: Literal["always", "where known", "never"]
    source: str = ""


class ArterialInput(Strict):
    """The arterial input function. A mask or curve that the user gives always wins over this."""

    do: Literal["aif"]
    how: Literal["automatic", "population"]
    by_section: bool = False
    scale_to_vein: bool = False
    curve: Literal["sampled", "continuous"] = "sampled"
    population: str | None = None
    source: str

    @model_validator(mode="after")
    def _population_is_known(self) -> "ArterialInput":
        if (self.how == "population") != (self.population is not None):
            raise ValueError("population goes with how = 'population': give both or neither")
        if self.population is not None and self.population not in POPULATION_AIFS:
            raise ValueError(f"unknown population curve {self.population!r}; known: {', '.join(POPULATION_AIFS)}")
        return self


class FitModel(Strict):
    """A tissue model in every voxel. The first fit of a method is the one its curves are drawn with."""

    do: Literal["fit"]
    model: str
    delay_range_s: tuple[float, float] | None = None
    source: str

    @model_validator(mode="after")
    def _model_is_known(self) -> "FitModel":
        if self.model not in MODELS:
            raise ValueError(f"unknown model {self.model!r}; known: {', '.join(MODELS)}")
        if self.delay_range_s is not None and not self.delay_range_s[0] < self.delay_range_s[1]:
            raise ValueError(f"the range of delays {self.delay_range_s} is empty")
        return self


class Choose(Strict):
    """AICc between these models in every voxel."""

    do: Literal["choose"]
    models: tuple[str, ...] = Field(min_length=2)
    source: str = ""

    @model_validator(mode="after")
    def _models_are_known(self) -> "Choose":
        unknown = [m for m in self.models if m not in MODELS]
        if unknown:
            raise ValueError(f"unknown model {unknown[0]!r}; known: {', '.join(MODELS)}")
        return self


class Semiquantitative(Strict):
    """What is read from the curves without a model."""

    do: Literal["semiquantitative"]
    quantities: tuple[Literal["iaugc60", "iaugc90", "iaugc120", "slope", "ttp", "peak"], ...] = Field(min_length=1)
    source: str = ""


class Regions(Strict):
    """Lesion and reference are settled here, where later steps leave lesions out or divide by the reference."""

    do: Literal["regions"]
    source: str = ""


class ToRates(Strict):
    """DSC signal to changes of R2* (gradient echo) and R2 (spin echo)."""

    do: Literal["rates"]
    source: str = ""


class UndoLeakage(Strict):
    """Correction for leaked agent, against a reference curve of tissue that keeps it. Uncorrected maps stand beside corrected ones."""

    do: Literal["leakage"]
    how: Literal["bsw", "bidirectional", "choose"]
    within_sd: tuple[float, ...] = Field(min_length=1)
    source: str


class Arteries(Strict):
    """Arterial and venous curve of each DSC series. A region that the user marks always wins over the search."""

    do: Literal["arteries"]
    scale_to_vein: bool
    source: str


class BloodVolume(Strict):
    """Relative blood volume as the area under the rates."""

    do: Literal["volume"]
    source: str = ""


class Flow(Strict):
    """CBF, MTT and Tmax by circular deconvolution, and CBV in mL/100 g, of the gradient echo."""

    do: Literal["flow"]
    how: Literal["osvd", "csvd"]
    threshold: float | None = Field(default=None, gt=0, lt=1)
    oscillation_limit: float | None = Field(default=None, gt=0, lt=1)
    haematocrit_large: float = Field(gt=0, lt=1)
    haematocrit_small: float = Field(gt=0, lt=1)
    density_g_per_ml: float = Field(gt=0.5, lt=2)
    source: str

    @model_validator(mode="after")
    def _each_way_has_its_number(self) -> "Flow":
        if (self.how == "csvd") != (self.threshold is not None) or (self.how == "osvd") != (self.oscillation_limit is not None):
            raise ValueError("threshold goes with how = 'csvd', oscillation_limit with how = 'osvd'")
        return self


class Loop(Strict):
    """The hysteresis loop of gradient echo against spin echo: microvessel type indicator and its companions."""

    do: Literal["loop"]
    align: Literal["arterial peak", "none"]
    source: str


class DiffusionMap(Strict):
    """ADC from the diffusion series."""

    do: Literal["adc"]
    source: str = ""


class Vessels(Strict):
    """Vessel radius and density; needs the loop, normalised CBV, ADC, and the blood volume of the reference tissue to make CBV absolute."""

    do: Literal["vessels"]
    reference_cbv: float = Field(gt=0, lt=0.2)
    source: str


class Normalise(Strict):
    """Blood volumes over their mean in the reference, and the lesion's voxels counted by rCBV where cut-offs are given."""

    do: Literal["normalise"]
    burden_cutoffs: tuple[float, float] | None = None
    standard_percentiles: tuple[float, ...] | None = None
    standard_values: tuple[float, ...] | None = None
    source: str

    @model_validator(mode="after")
    def _cutoffs_rise(self) -> "Normalise":
        if self.burden_cutoffs is not None and not 0 < self.burden_cutoffs[0] < self.burden_cutoffs[1]:
            raise ValueError(f"burden_cutoffs {self.burden_cutoffs}: the first must be above zero and below the second")
        return self

    @model_validator(mode="after")
    def _scale_is_whole(self) -> "Normalise":
        at, values = self.standard_percentiles or (), self.standard_values or ()
        rising = all(list(x) == sorted(set(x)) for x in (at, values))
        if len(at) != len(values) or len(at) == 1 or not rising or not all(0 < p < 100 for p in at):
            raise ValueError(
                "standard_percentiles and standard_values: as many of one as of the other, at least two, both rising"
            )
        return self


DceStep = (
    Still | Align | Background | Smooth | T1 | ToConcentration | ArterialInput | FitModel | Choose | Semiquantitative | Regions
)
DscStep = ToRates | UndoLeakage | Arteries | BloodVolume | Flow | Loop | DiffusionMap | Vessels | Normalise
Step = Annotated[DceStep | DscStep, Field(discriminator="do")]
