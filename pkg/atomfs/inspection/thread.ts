import { MosError } from '../../errors/index.ts';
import { inspectLayer } from '../check.ts';
import type { LayerInspector } from '../inspector.ts';
import type { FromThread, ToThread } from './messages.ts';

type Reply = (message: FromThread, given?: readonly ArrayBuffer[]) => void;

/** What the thread does: it inspects several layers, whose bytes come by turns. */
export function layerInspector(): (message: ToThread, reply: Reply) => void {
  const layers = new Map<number, LayerInspector>();
  return (message, reply) => {
    const { layer } = message;
    try {
      const done = take(layers, message);
      if (done !== undefined) reply(done);
    } catch (error) {
      if (!(error instanceof MosError)) throw error;
      layers.delete(layer);
      reply({ kind: 'failed', layer, code: error.code, message: error.message, hint: error.hint });
    }
    if (message.kind === 'bytes') reply({ kind: 'free', layer, memory: message.memory }, [message.memory]);
  };
}

/** Bytes of a layer that failed or was dropped are passed over. */
function take(layers: Map<number, LayerInspector>, message: ToThread): FromThread | undefined {
  const { layer } = message;
  const inspector = layers.get(layer);
  if (message.kind === 'begin') layers.set(layer, inspectLayer(message.descriptor, message.salt));
  else if (message.kind === 'bytes') inspector?.update(new Uint8Array(message.memory, 0, message.length));
  else {
    layers.delete(layer);
    if (message.kind === 'end' && inspector !== undefined)
      return { kind: 'done', layer, isChecked: inspector.end(), salt: inspector.salt };
  }
  return undefined;
}
