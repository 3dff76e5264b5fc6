import { type Host, readTextIfThere } from '../host/index.ts';
import { log, machinePaths, ps, updateStates, updatesStatus } from '../system/index.ts';
import type { Api } from './api.ts';

type Sample = { readonly labels?: Readonly<Record<string, string>>; readonly value: number };
type Metric = {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly samples: readonly Sample[];
};

/** Text exposition format 0.0.4 of Prometheus. */
export const renderMetricText = (metrics: readonly Metric[]): string =>
  metrics
    .flatMap(({ name, type, help, samples }) => [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...samples.map(({ labels = {}, value }) => `${name}${renderLabels(labels)} ${value}`),
    ])
    .map((line) => `${line}\n`)
    .join('');

const renderLabels = (labels: Readonly<Record<string, string>>): string => {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
};

const escaped = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

/** The machine in numbers; the names are part of the interface: layouts/monitoring has a dashboard and alert rules for them. */
export async function renderMetrics(api: Api): Promise<string> {
  const { host, options, counts, jobs } = api;
  const { root } = options;
  const [status, history, services, paths, updates, bootTime] = await Promise.all([
    api.status(),
    log(host, { root }),
    ps(host, { root }),
    machinePaths(host, root),
    updatesStatus(host, { root }),
    readBootTime(host),
  ]);
  const places = { config: paths.config, store: paths.store };
  const spaces = await Promise.all(
    Object.entries(places).map(async ([place, path]) => ({ place, ...(await host.files.space(path)) })),
  );
  const one = (value: number): readonly Sample[] => [{ value }];
  const per = (key: (service: (typeof services)[number]) => number): readonly Sample[] =>
    services.map((service) => ({ labels: { service: service.name }, value: key(service) }));
  const states = ['running', 'done', 'failed', 'cancelled', 'interrupted'];
  return renderMetricText([
    gauge('mos_generation', 'The generation that runs.', one(status.running.generation)),
    gauge(
      'mos_generation_next',
      'The generation that waits for the next boot, 0 for none.',
      one(status.next?.generation ?? 0),
    ),
    gauge(
      'mos_generation_good',
      'The generation that proved good last, 0 for none.',
      one(status.good?.generation ?? 0),
    ),
    gauge('mos_generations', 'Generations in the history.', one(history.length)),
    gauge(
      'mos_generations_bad',
      'Generations that failed to boot or prove good.',
      one(history.filter(({ verdict }) => verdict === 'bad').length),
    ),
    gauge(
      'mos_boot_time_seconds',
      'When the machine was booted, in Unix time: each boot is a change.',
      bootTime === undefined ? [] : one(bootTime),
    ),
    gauge(
      'mos_update_state',
      '1 for the state that the update is in, as GET /updates/status tells it.',
      updateStates.map((state) => ({ labels: { state }, value: state === updates.update_state ? 1 : 0 })),
    ),
    gauge(
      'mos_updates_failed',
      'Updates that are not offered again until told, because they failed to boot.',
      one(updates.failed_updates.length),
    ),
    gauge(
      'mos_update_recalled',
      '1 where the publisher wants nobody to run what runs here.',
      one(updates.recalled === null ? 0 : 1),
    ),
    gauge('mos_floor', 'The security version below which nothing starts.', one(status.floor)),
    gauge('mos_warnings', 'Warnings of mosctl status.', one(status.warnings.length)),
    gauge(
      'mos_space_free_bytes',
      'Room that is left.',
      spaces.map(({ place, free }) => ({ labels: { place }, value: free })),
    ),
    gauge(
      'mos_space_total_bytes',
      'Room there is.',
      spaces.map(({ place, total }) => ({ labels: { place }, value: total })),
    ),
    gauge(
      'mos_service_up',
      '1 where the service runs.',
      per(({ state }) => (state === 'running' ? 1 : 0)),
    ),
    gauge(
      'mos_service_restarts',
      'How often the service was started again.',
      per(({ restarts }) => restarts),
    ),
    gauge(
      'mos_jobs',
      'Jobs of the daemon, by what became of them.',
      states.map((state) => ({
        labels: { state },
        value: jobs.list().filter((job) => job.state === state).length,
      })),
    ),
    counter(
      'mos_verify_problems_total',
      'Problems that verify found since the daemon began.',
      one(counts.get('verify_problems') ?? 0),
    ),
    counter('mos_mirror_requests_total', 'Answers to neighbours.', one(counts.get('mirror_requests') ?? 0)),
    counter('mos_mirror_bytes_total', 'Bytes given to neighbours.', one(counts.get('mirror_bytes') ?? 0)),
    counter(
      'mos_api_requests_total',
      'Answers of the daemon, by class of status.',
      ['2', '3', '4', '5'].map((digit) => ({
        labels: { status: `${digit}xx` },
        value: counts.get(`answers_${digit}`) ?? 0,
      })),
    ),
  ]);
}

/** `btime` of proc_stat(5); undefined where it is not told. */
export const parseBootTime = (text: string): number | undefined => {
  const seconds = /^btime (\d+)$/m.exec(text)?.[1];
  return seconds === undefined ? undefined : Number(seconds);
};

const readBootTime = async (host: Host): Promise<number | undefined> =>
  parseBootTime((await readTextIfThere(host, '/proc/stat')) ?? '');

const gauge = (name: string, help: string, samples: readonly Sample[]): Metric => ({
  name,
  type: 'gauge',
  help,
  samples,
});
const counter = (name: string, help: string, samples: readonly Sample[]): Metric => ({
  name,
  type: 'counter',
  help,
  samples,
});
