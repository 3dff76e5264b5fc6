import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Row } from './row.ts';

type Kept = { readonly program: string; readonly groups: Record<string, readonly Row[]> };

/** Rows of earlier runs of one executable, so that a long benchmark can be run in parts. */
export class KeptRows {
  readonly #file: string;
  readonly #kept: Kept;

  constructor(file: string, program: string) {
    this.#file = file;
    const before: Kept | undefined = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
    this.#kept = before?.program === program ? before : { program, groups: {} };
  }

  keep(group: string, rows: readonly Row[]): void {
    this.#kept.groups[group] = rows;
    writeFileSync(this.#file, JSON.stringify(this.#kept));
  }

  /** undefined where a group is missing. */
  all(groups: readonly string[]): Row[] | undefined {
    const rows = groups.map((name) => this.#kept.groups[name]);
    return rows.includes(undefined) ? undefined : rows.flatMap((one) => one ?? []);
  }
}
