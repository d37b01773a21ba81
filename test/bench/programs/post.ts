/** The POST that every system makes, signed as Everhook signs where it is given a secret. */
import { Agent, request } from 'undici';
import { signatureHeaders } from '../../../src/delivery/sign';

const agent = new Agent({ pipelining: 1 });

export const { RECEIVER: receiver = '' } = process.env;

/** Secret that queues sign with. */
export const benchSecret = `whsec_${Buffer.from('a secret of thirty-two bytes ...').toString('base64')}`;

/** @returns the status @throws the error of the connection */
export async function post(id: string, body: string, secret?: string): Promise<number> {
  const signed = secret && {
    ...signatureHeaders({
      deliveryId: id,
      timestampSeconds: Math.floor(Date.now() / 1000),
      body,
      secrets: [secret],
    }),
  };
  const answer = await request(receiver, {
    dispatcher: agent,
    method: 'POST',
    headers: { 'content-type': 'application/json', 'webhook-id': id, ...signed },
    body,
  });
  await answer.body.dump();
  return answer.statusCode;
}

export const closeAgent = (): Promise<void> => agent.close();
