import { usualHealth } from '../../lxc/index.ts';
import type { Health } from '../../manifest/index.ts';

/**
 * When a service that says that it is not well is to be ended: after `retries` times in a row. What it says before it was
 * well for the first time counts only when its start period is over, as with other runtimes; each start begins a new one.
 * Times in milliseconds of a clock that only grows.
 */
export class Patience {
  readonly #retries: number;
  readonly #startPeriod: number;
  #start: string;
  #until: number;
  #failures = 0;

  constructor(health: Health, start: string, now: number) {
    const { retries, start_period } = { ...usualHealth, ...health };
    this.#retries = retries;
    this.#startPeriod = start_period * 1000;
    this.#start = start;
    this.#until = now + this.#startPeriod;
  }

  /** Which start this is; another one than before begins a new period. */
  started(start: string, now: number): void {
    if (start === this.#start) return;
    this.#start = start;
    this.#until = now + this.#startPeriod;
    this.#failures = 0;
  }

  well(): void {
    this.#until = 0;
    this.#failures = 0;
  }

  /** True where it is to be ended. */
  unwell(now: number): boolean {
    if (now < this.#until) return false;
    this.#failures++;
    return this.#failures >= this.#retries;
  }
}
