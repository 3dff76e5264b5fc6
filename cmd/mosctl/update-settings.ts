import { MosError } from '../../pkg/errors/index.ts';
import { renderReference } from '../../pkg/oci/index.ts';
import type { SettingsChange } from '../../pkg/system/index.ts';
import { root } from '../cli/common.ts';
import { renderUpdateSettings } from '../render/updates.ts';
import { remoteCommand } from './remote.ts';

const onOff = (help: string) => ({ kind: 'choice', value: 'on|off', choices: ['on', 'off'], help }) as const;

const settings = {
  source: {
    kind: 'reference',
    value: 'REF',
    help: 'where updates come from: the tag of an install manifest',
  },
  channel: { kind: 'text', value: 'NAME', help: 'or a release channel: host[:port]/name, zot:ROOT:name' },
  plainHttp: { kind: 'flag', help: 'with these two: talk http to the registry, without TLS' },
  acceptExpired: {
    kind: 'flag',
    help: 'with --channel, on a machine without a network: an index that has expired counts too',
  },
  automatic: onOff('whether the machine updates itself (off)'),
  window: {
    kind: 'text',
    value: 'WINDOW',
    help: 'when it may be changed then: "02:00-04:00", "sat,sun 22:00-02:00" (UTC), or any',
  },
  delay: { kind: 'integer', value: 'HOURS', help: 'wait for so long after the turn of this machine (0)' },
  ignoreWaves: onOff('not to wait for the turn of this machine (off)'),
  versionLock: { kind: 'text', value: 'VERSION', help: 'the one version that may be installed, or none' },
  checkEvery: { kind: 'integer', value: 'HOURS', help: 'how often to look for an update (6)' },
} as const;

type Given = {
  readonly source: Parameters<typeof renderReference>[0] | undefined;
  readonly channel: string | undefined;
  readonly plainHttp: boolean;
  readonly acceptExpired: boolean;
  readonly automatic: 'on' | 'off' | undefined;
  readonly window: string | undefined;
  readonly delay: number | undefined;
  readonly ignoreWaves: 'on' | 'off' | undefined;
  readonly versionLock: string | undefined;
  readonly checkEvery: number | undefined;
};

const isOn = (word: 'on' | 'off' | undefined) => (word === undefined ? undefined : word === 'on');

function toSource({
  source,
  channel,
  plainHttp,
  acceptExpired,
}: Pick<Given, 'source' | 'channel' | 'plainHttp' | 'acceptExpired'>) {
  if (source !== undefined && channel !== undefined)
    throw new MosError('usage', 'cannot take updates from --source and from --channel');
  const shared = { plainHttp, acceptExpired };
  if (source !== undefined)
    return { kind: 'manifest', reference: renderReference(source), ...shared } as const;
  return channel === undefined ? undefined : ({ kind: 'channel', reference: channel, ...shared } as const);
}

/** What was given; nothing of it where the settings are only to be shown. */
function toChange({ automatic, window, ignoreWaves, versionLock, ...rest }: Given) {
  const all: SettingsChange = {
    source: toSource(rest),
    automatic: isOn(automatic),
    window: window === 'any' ? null : window,
    ignoreWaves: isOn(ignoreWaves),
    versionLock: versionLock === 'none' ? null : versionLock,
    delay: rest.delay,
    checkEvery: rest.checkEvery,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

export const updateSettings = remoteCommand(
  {
    name: 'update settings',
    summary: 'Show how the machine is updated, or change it',
    description: 'What is not given stays. They are kept in /config.',
    options: { ...settings, root },
    examples: [
      'mosctl update settings --source registry.example.com/machine/web:stable',
      'mosctl update settings --channel registry.example.com/machine/stable',
      "mosctl update settings --automatic on --window 'sat,sun 02:00-04:00'",
    ],
    async run({ host, options: { root: base, ...given }, cwd }) {
      const use = await import('../../pkg/system/index.ts');
      const channel = given.channel && use.renderChannel(use.parseChannel(given.channel, cwd));
      return use.changeSettings(host, { ...toChange({ ...given, channel }), root: base });
    },
    render: renderUpdateSettings,
  },
  ({ options }) => {
    const body = toChange(options);
    const path = '/v1/updates/settings';
    return Object.keys(body).length === 0 ? { method: 'GET', path } : { method: 'POST', path, body };
  },
);
