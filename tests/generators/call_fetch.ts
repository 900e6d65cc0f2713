// Calls the service with openapi-fetch and the types that openapi-typescript made.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

const [baseUrl = "", token = ""] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });

async function main(): Promise<void> {
  const created = await client.POST("/coworking/rooms", { body: { name: "Generated" } });
  if (!created.data) throw new Error(created.error.detail);
  const params = { path: { room_id: created.data.id } };
  const body: components["schemas"]["SendMessageRequest"] = { message_text: "Hello" };
  const early = await client.POST("/coworking/rooms/{room_id}/messages", { params, body });
  if (early.error?.code !== "not_in_room") throw new Error(`not refused: ${early.error?.code}`);
  await client.POST("/coworking/rooms/{room_id}/join", { params });
  const sent = await client.POST("/coworking/rooms/{room_id}/messages", { params, body });
  if (!sent.data) throw new Error(sent.error.detail);
  console.log(sent.data.text, sent.data.seq);
}

void main();
