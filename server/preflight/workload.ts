import type { Workload } from "./estimate.ts";
import type { Survey } from "./survey.ts";

/** The rows, epochs and images that the runtime depends on; what is not known yet counts as none. */
export function workloadOf(survey: Survey): Workload {
  return {
    training_rows: survey.csvs.training_csv?.table.rows.length ?? 0,
    validation_rows: survey.csvs.validation_csv?.table.rows.length ?? 0,
    kpi_rows: survey.csvs.kpi_csv?.table.rows.length ?? 0,
    pool_rows: survey.pool?.rows ?? 0,
    num_epochs: numberOf(survey, "num_epochs"),
    num_sdg: numberOf(survey, "num_sdg"),
  };
}

function numberOf(survey: Survey, name: string): number {
  const value = survey.parameters[name]?.value;
  return typeof value === "number" ? value : 0;
}
