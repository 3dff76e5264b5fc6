import type { Clock } from '../../pkg/host/index.ts';
import type { Progress, Report } from '../../pkg/steps/index.ts';
import { printable } from './output.ts';

/** Where progress is drawn. `columns` is undefined where it is no terminal. */
export type Screen = { write(text: string): void; readonly columns: number | undefined };

/** How often a terminal's line is drawn again, and a plain line said again, in milliseconds. */
const redrawEvery = 100;
const sayAgainEvery = 10_000;

/** Progress on stderr: one line that is drawn over on a terminal, else plain lines. `clear` before other output. */
export function progressTo(screen: Screen, clock: Clock): { readonly report: Report; clear(): void } {
  return screen.columns === undefined ? plainProgress(screen, clock) : terminalProgress(screen, clock);
}

function plainProgress(screen: Screen, clock: Clock) {
  const rate = new Rate(clock);
  let said = clock.monotonic();
  const report: Report = (event) => {
    if (event.kind !== 'bytes') return screen.write(`${renderEvent(event)}\n`);
    rate.see(event);
    if (clock.monotonic() - said < sayAgainEvery) return;
    said = clock.monotonic();
    screen.write(`${renderBytes(event, rate.perSecond)}\n`);
  };
  return { report, clear() {} };
}

function terminalProgress(screen: Screen, clock: Clock) {
  const rate = new Rate(clock);
  let drawn = Number.NEGATIVE_INFINITY;
  let isDrawn = false;
  const clear = () => {
    if (isDrawn) screen.write('\r\x1b[K');
    isDrawn = false;
  };
  const draw = (text: string) => {
    screen.write(`\r\x1b[K${text.slice(0, (screen.columns ?? 80) - 1)}`);
    isDrawn = true;
    drawn = clock.monotonic();
  };
  const report: Report = (event) => {
    if (event.kind === 'note') {
      clear();
      return screen.write(`${renderEvent(event)}\n`);
    }
    if (event.kind === 'step') return draw(renderEvent(event));
    rate.see(event);
    const isEnd = event.done === event.total;
    if (isEnd || clock.monotonic() - drawn >= redrawEvery)
      draw(renderBar(event, rate.perSecond, screen.columns ?? 80));
  };
  return { report, clear };
}

type Bytes = Extract<Progress, { kind: 'bytes' }>;

/** Bytes a second since the present thing began. */
class Rate {
  #clock: Clock;
  #what = '';
  #start = { at: 0, done: 0 };
  #last = { at: 0, done: 0 };
  constructor(clock: Clock) {
    this.#clock = clock;
  }
  see({ what, done }: Bytes): void {
    const now = { at: this.#clock.monotonic(), done };
    if (what !== this.#what || done < this.#last.done) this.#start = now;
    this.#what = what;
    this.#last = now;
  }
  get perSecond(): number {
    const seconds = (this.#last.at - this.#start.at) / 1000;
    return seconds <= 0 ? 0 : (this.#last.done - this.#start.done) / seconds;
  }
}

function renderEvent(event: Exclude<Progress, Bytes>): string {
  return event.kind === 'note'
    ? printable(event.text)
    : `[${event.index + 1}/${event.count}] ${printable(event.name)}`;
}

export function renderBytes({ what, done, total }: Bytes, perSecond: number): string {
  const parts = [`${what}: ${size(done)}${total === undefined ? '' : ` of ${size(total)}`}`];
  if (perSecond > 0) parts.push(`${size(perSecond)}/s`);
  if (perSecond > 0 && total !== undefined && done < total)
    parts.push(`${duration((total - done) / perSecond)} left`);
  return parts.join(', ');
}

function renderBar(event: Bytes, perSecond: number, columns: number): string {
  const text = renderBytes(event, perSecond);
  const width = Math.min(30, columns - text.length - 4);
  if (event.total === undefined || event.total === 0 || width < 8) return text;
  const full = Math.round((width * Math.min(event.done, event.total)) / event.total);
  return `[${'#'.repeat(full)}${'.'.repeat(width - full)}] ${text}`;
}

const units = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** Bytes for people, in powers of ten: `91.8 MB`. */
export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  for (; value >= 999.95 && unit < units.length - 1; unit++) value /= 1000;
  return unit === 0 ? `${Math.round(value)} B` : `${value.toFixed(1)} ${units[unit]}`;
}

export function duration(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
