import { readFileSync } from 'node:fs';
import test from 'ava';
import { openApi } from '../../pkg/api/api.ts';
import { renderMetrics, renderMetricText } from '../../pkg/api/metrics.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { installFrom, makeRoot } from '../helpers/machine.ts';
import { addImage, makeVendor, publishRelease } from '../helpers/vendor.ts';

test('names of services cannot break out of a label', (t) => {
  const samples = [{ labels: { a: 'x"} 1\n\\' }, value: 2 }];
  t.is(
    renderMetricText([{ name: 'm', type: 'gauge', help: 'h', samples }]),
    '# HELP m h\n# TYPE m gauge\nm{a="x\\"} 1\\n\\\\"} 2\n',
  );
});

test('an installed machine in numbers, and the dashboard and the alerts name no others', async (t) => {
  const vendor = await makeVendor(t);
  const root = await makeRoot(t, vendor);
  const image = await addImage(vendor, 'data', { 'etc/motd': 'hello' });
  await publishRelease(vendor, {
    manifest: `update_type: complete
targets:
  - { service_name: data, source: '${image}', version: 1.0.0, service_type: fs-only, nsgroup: none, network: { type: none } }
`,
  });
  await installFrom(root, `zot:${vendor.repository}:machine/install:1.0.0`);
  await using api = await openApi(linuxHost, { root, builtAt: new Date(0) });
  const text = await renderMetrics(api);
  t.regex(text, /^mos_generation 1$/m);
  t.regex(text, /^mos_update_state\{state="Idle"\} 1$/m);
  t.regex(text, /^mos_update_state\{state="Ready"\} 0$/m);
  t.regex(text, /^mos_boot_time_seconds [1-9]\d{9}$/m);
  t.regex(text, /^mos_space_free_bytes\{place="store"\} [1-9]\d*$/m);
  const given = new Set([...text.matchAll(/^# TYPE (\S+) /gm)].map((match) => match[1]));
  for (const file of ['dashboard.json', 'alerts.yaml'])
    for (const [name] of readFileSync(`layouts/monitoring/${file}`, 'utf8').matchAll(/\bmos_[a-z_]+\b/g))
      t.true(given.has(name), `${file} names ${name}`);
});
